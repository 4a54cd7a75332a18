// Makes elements of the page. Text of a model becomes text nodes only, never markup.

export type Child = Node | string | undefined | false | readonly Child[];

interface Properties {
  readonly class?: string;
  readonly id?: string;
  readonly title?: string;
  readonly role?: string;
  readonly style?: string;
  readonly disabled?: boolean;
  readonly label?: string;
  readonly pressed?: boolean;
  readonly current?: boolean;
  readonly data?: Readonly<Record<string, string>>;
  readonly onClick?: (event: MouseEvent) => void;
}

/** An element with children; `label`, `pressed` and `current` are what assistive technology is told. */
export function h<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  properties: Properties = {},
  ...children: readonly Child[]
): HTMLElementTagNameMap[K] {
  const element: HTMLElementTagNameMap[K] & HTMLElement = document.createElement(tag);
  if (properties.class !== undefined) element.className = properties.class;
  if (properties.id !== undefined) element.id = properties.id;
  if (properties.title !== undefined) element.title = properties.title;
  if (properties.role !== undefined) element.setAttribute("role", properties.role);
  if (properties.style !== undefined) element.style.cssText = properties.style;
  if (properties.label !== undefined) element.setAttribute("aria-label", properties.label);
  if (properties.pressed !== undefined) element.setAttribute("aria-pressed", String(properties.pressed));
  if (properties.current) element.setAttribute("aria-current", "true");
  if (properties.disabled && element instanceof HTMLButtonElement) element.disabled = true;
  for (const [key, value] of Object.entries(properties.data ?? {})) element.dataset[key] = value;
  if (properties.onClick) (element as HTMLElement).addEventListener("click", properties.onClick);
  add(element, children);
  return element;
}

/** Adds children, which may be lists of any length, to an element. */
export function add(element: Element, ...children: readonly Child[]): void {
  for (const child of children) {
    if (child === undefined || child === false) continue;
    if (typeof child === "string" || child instanceof Node) element.append(child);
    else for (const one of child) add(element, one);
  }
}

/** Gives an element these children instead of those that it has. */
export function fill(element: Element, ...children: readonly Child[]): void {
  element.replaceChildren();
  add(element, children);
}

/** The element of the page's own markup with an id. */
export function byId<T extends HTMLElement>(id: string, type: new () => T): T {
  const element = document.getElementById(id);
  if (!(element instanceof type)) throw new Error(`the page lacks #${id}`);
  return element;
}

/** The context of a canvas. */
export function contextOf(canvas: HTMLCanvasElement): CanvasRenderingContext2D {
  const context = canvas.getContext("2d");
  if (!context) throw new Error("the browser draws no canvas");
  return context;
}
