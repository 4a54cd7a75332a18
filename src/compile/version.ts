// Cleave's version. A test checks that it equals the version in package.json, which a browser cannot read.

/** The version of the package. */
export const version = "0.1.0";
