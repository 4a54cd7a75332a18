// Keys: each calls a command, except in a field of text.

export function followKeys(commands: ReadonlyMap<string, () => void>): void {
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const { target } = event;
    if (
      target instanceof HTMLElement &&
      (target.matches("input[type=search], select, textarea") || target.closest("dialog"))
    )
      return;
    // In a list of lines, up and down scroll the lines.
    if (target instanceof HTMLElement && target.closest(".lines") && /^Arrow(Up|Down)$/.test(event.key))
      return;
    const key = event.shiftKey && event.key.startsWith("Arrow") ? `Shift+${event.key}` : event.key;
    const command = commands.get(key);
    if (!command) return;
    event.preventDefault();
    command();
  });
}
