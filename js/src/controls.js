// Buttons, classes, sliders and the status line around the canvas.
const TOOLS = [
  ["similar", "Find similar", "S", "Click something: all that looks like it lights up. Alt-click what is not meant."],
  ["box", "Box", "B", "Drag a box closely around one object: its outline appears."],
  ["points", "Clicks", "P", "Click on the object; Alt-click what does not belong to it."],
  ["examples", "Examples", "E", "Each click is one example of the chosen class; the prediction follows."],
  ["brush", "Brush", "D", "Paint over what belongs to the chosen class."],
  ["erase", "Take away", "X", "Click an example to take it away."],
];

function make(tag, options = {}, ...children) {
  const { on, aria, ...fields } = options;
  const made = Object.assign(document.createElement(tag), fields);
  for (const [name, value] of Object.entries(aria ?? {})) made.setAttribute(`aria-${name}`, value);
  for (const [name, act] of Object.entries(on ?? {})) made.addEventListener(name, act);
  made.append(...children);
  return made;
}

function button(text, title, act) {
  return make("button", { type: "button", textContent: text, title, on: { click: act } });
}

function slider(text, title, act) {
  const value = make("output");
  const input = make("input", { type: "range", min: 0, max: 1000, title, aria: { label: text } });
  const name = make("span", { textContent: text });
  const row = make("label", { className: "medfm-slider" }, make("span", {}, name, " ", value), input);
  input.addEventListener("input", () => act(input.value / 1000));
  return {
    row,
    show(share, words, title) {
      row.hidden = share === null || share === undefined;
      if (row.hidden) return;
      if (title) { name.textContent = title; input.setAttribute("aria-label", title); }
      if (document.activeElement !== input) input.value = Math.round(1000 * share);
      value.textContent = words;
    },
  };
}

export class Controls {
  constructor(root, send) {
    this.send = send;
    this.image = make("select", {
      title: "The image you work on", aria: { label: "Image" },
      on: { change: () => send({ do: "image", name: this.image.value }) },
    });
    this.undo = button("Undo", "Takes the last step back (Ctrl+Z)", () => send({ do: "undo" }));
    this.redo = button("Redo", "Does it again (Ctrl+Shift+Z)", () => send({ do: "redo" }));
    this.tools = TOOLS.map(([tool, text, key, title]) => {
      const made = button(`${text} (${key})`, title, () => send({ do: "tool", tool }));
      made.dataset.tool = tool;
      return made;
    });
    this.minus = button("Not this (M)", "While on, clicks mark what is not meant.", () => send({ do: "minus" }));
    this.canvas = make("div", { className: "medfm-canvas" });
    this.plane = make("input", {
      type: "range", min: 0, step: 1, title: "Plane of the volume", aria: { label: "Plane" },
      on: { input: () => send({ do: "plane", plane: Number(this.plane.value) }) },
    });
    this.planeText = make("output");
    this.planeRow = make("label", { className: "medfm-plane" }, "Plane", this.plane, this.planeText);
    this.#side();
    this.#status();
    root.append(
      make("div", { className: "medfm-bar" }, this.image, ...this.tools, this.minus, this.undo, this.redo),
      make("div", { className: "medfm-middle" }, make("div", { className: "medfm-view" }, this.canvas, this.planeRow), this.side),
      this.status,
    );
  }

  #side() {
    const send = this.send;
    this.next = make("p", { className: "medfm-next" });
    this.classes = make("div", { className: "medfm-classes", role: "radiogroup", aria: { label: "Classes" } });
    this.name = make("input", { type: "text", placeholder: "New class, e.g. lesion", aria: { label: "Name of a new class" } });
    const add = () => {
      if (this.name.value.trim()) send({ do: "add class", name: this.name.value });
      this.name.value = "";
    };
    this.name.addEventListener("keydown", (event) => {
      event.stopPropagation();
      if (event.key === "Enter") add();
    });
    this.alike = slider("How alike it must be", "To the right, only the most similar places count.",
      (value) => send({ do: "similar threshold", value }));
    this.sure = slider("How sure it must be", "To the right, fewer pixels count as the chosen class, on this image.",
      (value) => send({ do: "threshold", value }));
    this.radius = slider("Brush size", "Radius of the brush, in pixels.",
      (value) => send({ do: "radius", value: 1 + 39 * value }));
    this.accept = button("Accept (Enter)", "Takes what is in hand into the labels.", () => send({ do: "accept" }));
    this.other = button("Other answer (T)", "Shows the model's next answer to the same prompt.", () => send({ do: "other answer" }));
    this.nextObject = button("Next object (N)", "Puts this outline aside.", () => send({ do: "next object" }));
    this.through = button("Through the volume", "Follows the object to the planes before and after.", () => send({ do: "through volume" }));
    this.all = button("Predict all planes", "Applies what was learned to every plane.", () => send({ do: "predict all" }));
    this.verdict = make("p", { className: "medfm-verdict" });
    this.side = make("div", { className: "medfm-side" },
      this.next, this.classes,
      make("div", { className: "medfm-add" }, this.name, button("Add class", "Adds a class of this name", add)),
      this.radius.row, this.alike.row, this.sure.row, this.verdict,
      this.accept, this.other, this.nextObject, this.through, this.all);
  }

  #status() {
    this.message = make("span", { className: "medfm-message", role: "status", aria: { live: "polite" } });
    this.bar = make("progress", { aria: { label: "Progress" } });
    this.working = make("span");
    this.cancel = button("Cancel", "Stops it now; nothing that was done is lost.", () => this.send({ do: "cancel" }));
    this.busy = make("span", { className: "medfm-busy", hidden: true }, this.working, this.bar, this.cancel);
    this.status = make("div", { className: "medfm-status" }, this.message, this.busy);
  }

  show(state) {
    if (!state?.can) return;
    this.#images(state);
    this.#tools(state);
    this.#classes(state);
    this.#answers(state);
    this.message.textContent = state.message || "";
    this.message.classList.toggle("medfm-problem", state.problem);
    this.#working(state.busy);
  }

  #images(state) {
    const shown = [...this.image.options].map((option) => option.value);
    if (shown.join("\n") !== state.images.join("\n")) {
      this.image.replaceChildren(...state.images.map((name) => make("option", { value: name, textContent: name })));
    }
    if (state.image) this.image.value = state.image;
    this.planeRow.hidden = state.planes < 2;
    this.plane.max = state.planes - 1;
    if (document.activeElement !== this.plane) this.plane.value = state.plane;
    this.planeText.textContent = `${state.plane + 1} / ${state.planes}`;
  }

  #tools(state) {
    for (const tool of this.tools) {
      tool.setAttribute("aria-pressed", String(tool.dataset.tool === state.tool));
    }
    this.minus.hidden = !["similar", "points"].includes(state.tool);
    this.minus.setAttribute("aria-pressed", String(state.negative));
    this.undo.disabled = !state.can.undo;
    this.redo.disabled = !state.can.redo;
  }

  #classes(state) {
    this.next.textContent = state.next;
    this.classes.replaceChildren(...state.classes.map((entry) => {
      const chip = make("span", { className: "medfm-chip" });
      chip.style.background = entry.colour;
      const made = make("button", {
        type: "button", role: "radio", title: `Marks go to ${entry.name} (key ${entry.value})`,
        aria: { checked: String(entry.value === state.chosen) },
        on: { click: () => this.send({ do: "choose class", value: entry.value }) },
      }, chip, `${entry.value}  ${entry.name}`, make("span", { className: "medfm-count", textContent: entry.count ? `${entry.count} marks` : "" }));
      return made;
    }));
  }

  #answers(state) {
    const can = state.can;
    const name = state.classes.find((c) => c.value === state.chosen)?.name ?? "";
    this.alike.show(state.tool === "similar" ? state["similar threshold"] : null, "");
    this.sure.show(state.threshold, state.threshold === null ? "" : `${Math.round(100 * state.threshold)}%`, `How sure it must be of ${name}`);
    this.radius.show(state.tool === "brush" ? (state.radius - 1) / 39 : null, `${Math.round(state.radius)} px`);
    this.verdict.textContent = state.verdict;
    this.accept.disabled = !(can["accept mask"] || can["accept similar"] || can["accept prediction"]);
    this.other.hidden = !can["other answer"];
    this.nextObject.hidden = !can["accept mask"];
    this.through.hidden = !can["through volume"];
    this.all.hidden = !can["predict all"];
  }

  #working(busy) {
    clearTimeout(this.patience);
    if (!busy) { this.busy.hidden = true; return; }
    this.working.textContent = busy.message ? `${busy.title}: ${busy.message}` : busy.title;
    if (busy.total > 1) { this.bar.max = busy.total; this.bar.value = busy.done; }
    else this.bar.removeAttribute("value");
    this.patience = setTimeout(() => { this.busy.hidden = false; }, this.busy.hidden ? 250 : 0);
  }
}
