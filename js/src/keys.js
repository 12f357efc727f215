// The same keys as in the window.
const TOOLS = { s: "similar", b: "box", p: "points", e: "examples", d: "brush", x: "erase" };
const ACTS = { n: "next object", t: "other answer", m: "minus", Enter: "accept" };

export function keysFor(send, stage, state) {
  return (event) => {
    if (event.target instanceof HTMLInputElement || event.target instanceof HTMLSelectElement) return;
    const command = event.ctrlKey || event.metaKey;
    const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    let message = null;
    if (command && key === "z") message = { do: event.shiftKey ? "redo" : "undo" };
    else if (command || event.altKey) return;
    else if (event.target instanceof HTMLButtonElement && key === "Enter") return;
    else if (key in TOOLS) message = { do: "tool", tool: TOOLS[key] };
    else if (key in ACTS) message = { do: ACTS[key] };
    else if (key === "Escape") message = { do: "tool", tool: null };
    else if (/^[0-9]$/.test(key)) message = { do: "choose class", value: Number(key) };
    else if (key === "+" || key === "=") stage.zoom(1.25);
    else if (key === "-") stage.zoom(0.8);
    else if (key === "f") stage.fit();
    else if (key === "PageUp" || key === "PageDown") {
      const { plane, planes } = state();
      const next = plane + (key === "PageUp" ? 1 : -1);
      if (next >= 0 && next < planes) message = { do: "plane", plane: next };
    } else return;
    event.preventDefault();
    event.stopPropagation();
    if (message) send(message);
  };
}
