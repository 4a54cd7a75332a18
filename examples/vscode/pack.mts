// Packs the VS Code extension: `npm run vscode`, or `npm run vscode -- FILE` for another name of the file.

import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { build } from "esbuild";
import { strToU8, zipSync } from "fflate";

const here = import.meta.dirname;
const root = join(here, "../..");
const read = (path: string): Uint8Array => readFileSync(path);

/** The extension as a .vsix file, which is a zip with a manifest and the files in `extension/`. The same sources give the same bytes. */
async function pack(): Promise<Uint8Array> {
  const bundle = await build({
    entryPoints: [join(here, "extension.ts")],
    bundle: true,
    minify: true,
    write: false,
    platform: "node",
    target: "node20",
    format: "cjs",
    external: ["vscode"],
    logLevel: "warning",
  });
  const { version } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as { version: string };
  const manifest = { ...(JSON.parse(readFileSync(join(here, "package.json"), "utf8")) as Manifest), version };
  const files: Record<string, Uint8Array> = {
    "[Content_Types].xml": strToU8(contentTypes),
    "extension.vsixmanifest": strToU8(vsixManifest(manifest)),
    "extension/package.json": strToU8(`${JSON.stringify(manifest, undefined, 2)}\n`),
    "extension/extension.js": bundle.outputFiles[0]?.contents ?? new Uint8Array(),
    "extension/language-configuration.json": read(join(here, "language-configuration.json")),
    "extension/cleave.tmLanguage.json": read(join(root, "grammar/cleave.tmLanguage.json")),
    "extension/readme.md": read(join(here, "README.md")),
    "extension/LICENSE.txt": read(join(root, "LICENSE")),
  };
  return zipSync(files, { level: 9, mtime: new Date("2000-01-01T12:00:00Z") });
}

/** The fields of package.json that the manifest of a .vsix repeats. */
interface Manifest {
  readonly name: string;
  readonly displayName: string;
  readonly description: string;
  readonly version: string;
  readonly publisher: string;
  readonly categories: readonly string[];
  readonly keywords: readonly string[];
  readonly engines: { readonly vscode: string };
}

const contentTypes = `<?xml version="1.0" encoding="utf-8"?>
<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">
  <Default Extension=".json" ContentType="application/json"/>
  <Default Extension=".js" ContentType="application/javascript"/>
  <Default Extension=".md" ContentType="text/markdown"/>
  <Default Extension=".txt" ContentType="text/plain"/>
  <Default Extension=".vsixmanifest" ContentType="text/xml"/>
</Types>
`;

function vsixManifest(manifest: Manifest): string {
  const { name, displayName, description, version, publisher, categories, keywords, engines } = manifest;
  return `<?xml version="1.0" encoding="utf-8"?>
<PackageManifest Version="2.0.0" xmlns="http://schemas.microsoft.com/developer/vsx-schema/2011">
  <Metadata>
    <Identity Language="en-US" Id="${name}" Version="${version}" Publisher="${publisher}"/>
    <DisplayName>${displayName}</DisplayName>
    <Description xml:space="preserve">${description}</Description>
    <Tags>${keywords.join(",")}</Tags>
    <Categories>${categories.join(",")}</Categories>
    <Properties>
      <Property Id="Microsoft.VisualStudio.Code.Engine" Value="${engines.vscode}"/>
      <Property Id="Microsoft.VisualStudio.Code.ExtensionKind" Value="workspace"/>
    </Properties>
    <License>extension/LICENSE.txt</License>
  </Metadata>
  <Installation>
    <InstallationTarget Id="Microsoft.VisualStudio.Code"/>
  </Installation>
  <Dependencies/>
  <Assets>
    <Asset Type="Microsoft.VisualStudio.Code.Manifest" Path="extension/package.json" Addressable="true"/>
    <Asset Type="Microsoft.VisualStudio.Services.Content.Details" Path="extension/readme.md" Addressable="true"/>
    <Asset Type="Microsoft.VisualStudio.Services.Content.License" Path="extension/LICENSE.txt" Addressable="true"/>
  </Assets>
</PackageManifest>
`;
}

const target = process.argv[2] ?? "cleave-language.vsix";
writeFileSync(target, await pack());
process.stdout.write(`${target}\n`);
