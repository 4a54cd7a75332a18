// The editor: CodeMirror in a shadow tree, where its styles need no permission of the page's policy.

import {
  autocompletion,
  closeBrackets,
  closeBracketsKeymap,
  completionKeymap,
} from "@codemirror/autocomplete";
import { defaultKeymap, history, historyKeymap, indentWithTab } from "@codemirror/commands";
import { bracketMatching, indentUnit } from "@codemirror/language";
import type { Diagnostic } from "@codemirror/lint";
import { lintGutter, lintKeymap, setDiagnostics } from "@codemirror/lint";
import { EditorState } from "@codemirror/state";
import {
  EditorView,
  drawSelection,
  highlightActiveLine,
  hoverTooltip,
  keymap,
  lineNumbers,
} from "@codemirror/view";
import { complete, highlighting, hover } from "./language.js";
import type { Remark } from "./protocol.js";

export interface Editor {
  text(): string;
  /** Replaces the whole text. */
  show(text: string): void;
  /** Underlines the places of messages. */
  mark(remarks: readonly Remark[]): void;
  /** Moves the cursor to a place, and shows it. */
  goTo(offset: number): void;
}

const theme = EditorView.theme({
  "&": { height: "100%", fontSize: "0.85rem", backgroundColor: "var(--raised)", color: "var(--ink)" },
  "&.cm-focused": { outline: "2px solid var(--accent)", outlineOffset: "-2px" },
  ".cm-scroller": { fontFamily: "var(--mono)", lineHeight: "1.55" },
  ".cm-gutters": { backgroundColor: "transparent", color: "var(--quiet)", border: "none" },
  ".cm-activeLine": { backgroundColor: "color-mix(in srgb, var(--accent) 7%, transparent)" },
  ".cm-cursor": { borderLeftColor: "var(--ink)" },
  ".cm-selectionBackground, &.cm-focused > .cm-scroller > .cm-selectionLayer .cm-selectionBackground": {
    backgroundColor: "color-mix(in srgb, var(--accent) 25%, transparent)",
  },
  "&.cm-focused .cm-matchingBracket": {
    backgroundColor: "color-mix(in srgb, var(--accent) 30%, transparent)",
  },
  ".cm-tooltip": {
    border: "1px solid var(--line)",
    borderRadius: "0.4rem",
    backgroundColor: "var(--raised)",
    color: "var(--ink)",
  },
  ".cm-tooltip-autocomplete ul li[aria-selected]": {
    backgroundColor: "var(--accent)",
    color: "var(--paper)",
  },
  ".cm-diagnostic": { whiteSpace: "pre-wrap", fontFamily: "var(--sans)", fontSize: "0.85rem" },
  ".doc": {
    maxWidth: "30rem",
    maxHeight: "16rem",
    overflow: "auto",
    padding: "0.4rem 0.6rem",
    whiteSpace: "pre-wrap",
    font: "0.8rem/1.4 var(--sans)",
  },
});

/** An editor in an element; `changed` is called after each change of the text. */
export function createEditor(parent: HTMLElement, changed: () => void): Editor {
  const root = parent.attachShadow({ mode: "open" });
  const view = new EditorView({
    root,
    parent: root,
    extensions: [
      lineNumbers(),
      lintGutter(),
      history(),
      drawSelection(),
      indentUnit.of("  "),
      EditorState.tabSize.of(2),
      bracketMatching(),
      closeBrackets(),
      highlightActiveLine(),
      highlighting,
      autocompletion({ override: [complete] }),
      hoverTooltip(hover),
      keymap.of([
        ...closeBracketsKeymap,
        ...completionKeymap,
        ...lintKeymap,
        ...historyKeymap,
        ...defaultKeymap,
        indentWithTab,
      ]),
      EditorView.contentAttributes.of({
        "aria-label": "The text of the model",
        "aria-describedby": "editor-help",
      }),
      EditorView.updateListener.of(({ docChanged }) => {
        if (docChanged) changed();
      }),
      theme,
    ],
  });
  return {
    text: () => view.state.doc.toString(),
    show: (text) =>
      view.dispatch({
        changes: { from: 0, to: view.state.doc.length, insert: text },
        selection: { anchor: 0 },
      }),
    mark: (remarks) => {
      const end = view.state.doc.length;
      const found = remarks.map(({ from, to, severity, message }): Diagnostic => ({
        from: Math.min(from, end),
        to: Math.min(Math.max(to, from), end),
        severity,
        message,
      }));
      view.dispatch(setDiagnostics(view.state, found));
    },
    goTo: (offset) => {
      const anchor = Math.min(offset, view.state.doc.length);
      view.dispatch({ selection: { anchor }, effects: EditorView.scrollIntoView(anchor, { y: "center" }) });
      view.focus();
    },
  };
}
