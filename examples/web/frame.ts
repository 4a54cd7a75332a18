// The frame of all pages: what their heads have in common, and the links from one to another. The bundler puts it around each page.

import { basename } from "node:path";
import type { HtmlTagDescriptor, Plugin } from "vite";

/** The pages, with their titles in the links. */
export const pages = [
  { name: "index", title: "Classify" },
  { name: "faces", title: "Detect faces" },
  { name: "text", title: "Read text" },
  { name: "playground", title: "Playground" },
] as const;

export const frame: Plugin = {
  name: "frame",
  transformIndexHtml: {
    // The bundler then takes the style sheet like one that the page names itself.
    order: "pre",
    handler: (_, { filename }) => [
      ...head.map((tag): HtmlTagDescriptor => ({ ...tag, injectTo: "head-prepend" })),
      {
        tag: "nav",
        attrs: { "aria-label": "Pages" },
        injectTo: "body-prepend",
        children: pages.map(({ name, title }): HtmlTagDescriptor => ({
          tag: "a",
          attrs: {
            href: `./${name}.html`,
            ...(basename(filename) === `${name}.html` && { "aria-current": "page" }),
          },
          children: title,
        })),
      },
    ],
  },
};

const head: readonly HtmlTagDescriptor[] = [
  { tag: "meta", attrs: { charset: "utf-8" } },
  { tag: "meta", attrs: { name: "viewport", content: "width=device-width, initial-scale=1" } },
  { tag: "meta", attrs: { name: "color-scheme", content: "light dark" } },
  { tag: "link", attrs: { rel: "icon", href: "data:," } },
  { tag: "link", attrs: { rel: "stylesheet", href: "./style.css" } },
];
