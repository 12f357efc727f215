// The canvas in the browser: draws what the session sends, sends what the hand does.
import { Stage } from "./stage.js";
import { Controls } from "./controls.js";
import { keysFor } from "./keys.js";

function render({ model, el }) {
  const root = document.createElement("div");
  root.className = "medfm";
  root.tabIndex = 0;
  root.setAttribute("role", "application");
  root.setAttribute("aria-label", "Medical image annotator");
  el.appendChild(root);

  const send = (message) => model.send(message);
  const controls = new Controls(root, send);
  const stage = new Stage(controls.canvas, send, model.get("height"));

  const show = () => {
    const state = model.get("state");
    controls.show(state);
    stage.show(state);
  };
  const receive = (message, buffers) => {
    if (message.picture) stage.picture(message.picture, message.region, buffers[0]);
  };
  const pressed = keysFor(send, stage, () => model.get("state"));

  model.on("change:state", show);
  model.on("msg:custom", receive);
  root.addEventListener("keydown", pressed);
  const watcher = new ResizeObserver(() => stage.resize());
  watcher.observe(controls.canvas);
  show();
  stage.look(true);

  return () => {
    watcher.disconnect();
    model.off("change:state", show);
    model.off("msg:custom", receive);
    stage.destroy();
  };
}

export default { render };
