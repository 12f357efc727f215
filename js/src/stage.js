// Image, overlay, marks and the gesture under way, in the image's own pixel positions.
import Konva from "konva/lib/Core";
import { Image as Picture } from "konva/lib/shapes/Image";
import { Circle } from "konva/lib/shapes/Circle";
import { Rect } from "konva/lib/shapes/Rect";
import { Line } from "konva/lib/shapes/Line";

const STILL = 5; // a press and release within so many screen pixels is a click
const REST = 90; // milliseconds without movement before a sharper picture is asked for
const DRAGGED = new Set(["box", "brush"]);
const MARK = 6;

export class Stage {
  constructor(holder, send, height) {
    this.send = send;
    this.holder = holder;
    this.height = height;
    this.state = null;
    this.uid = null;
    this.pictures = {};
    this.moved = false;
    this.konva = new Konva.Stage({ container: holder, width: 100, height });
    this.base = new Konva.Layer({ listening: false, imageSmoothingEnabled: false });
    this.marks = new Konva.Layer({ listening: false });
    this.hand = new Konva.Layer({ listening: false });
    this.konva.add(this.base, this.marks, this.hand);
    this.gesture = null;
    this.#listen();
    this.resize();
  }

  destroy() {
    clearTimeout(this.soon);
    this.konva.destroy();
  }

  // What the session says

  show(state) {
    this.state = state;
    if (state.uid !== this.uid) {
      this.uid = state.uid;
      this.#forget();
      this.moved = false;
      this.fit();
    }
    this.holder.style.cursor = state.tool ? "crosshair" : "grab";
    this.#drawMarks();
  }

  picture(name, region, bytes) {
    const blob = new Blob([bytes], { type: "image/png" });
    const number = (this.pictures[name]?.number ?? 0) + 1;
    const entry = (this.pictures[name] ??= { shape: null });
    entry.number = number;
    createImageBitmap(blob).then((bitmap) => {
      if (entry.number !== number) return;
      entry.shape?.destroy();
      const [row0, col0, row1, col1] = region;
      entry.shape = new Picture({
        image: bitmap, x: col0, y: row0, width: col1 - col0, height: row1 - row0,
      });
      this.base.add(entry.shape);
      if (name === "image") entry.shape.moveToBottom();
      else entry.shape.opacity(this.opacity ?? 1);
      this.base.batchDraw();
      this.holder.dataset[name] = String(number);
    });
  }

  setOpacity(share) {
    this.opacity = share;
    this.pictures.overlay?.shape?.opacity(share);
    this.base.batchDraw();
  }

  #forget() {
    for (const entry of Object.values(this.pictures)) {
      entry.shape?.destroy();
      entry.shape = null;
    }
    this.base.batchDraw();
  }

  // Where one looks

  resize() {
    const width = this.holder.clientWidth;
    if (!width) return;
    this.konva.size({ width, height: this.height });
    if (this.moved) this.look();
    else this.fit();
  }

  fit() {
    const shape = this.state?.shape;
    if (!shape || !this.holder.clientWidth) return;
    const { width, height } = this.konva.size();
    const aspect = this.state.aspect || 1;
    const scale = 0.98 * Math.min(width / shape[1], height / (shape[0] * aspect));
    this.#view(scale, {
      x: (width - shape[1] * scale) / 2,
      y: (height - shape[0] * scale * aspect) / 2,
    });
  }

  #view(scale, position) {
    const aspect = this.state.aspect || 1;
    for (const layer of [this.base, this.marks, this.hand]) {
      layer.scale({ x: scale, y: scale * aspect });
      layer.position(position);
    }
    this.scale = scale;
    this.position = position;
    this.#drawMarks();
    this.konva.batchDraw();
    this.look();
  }

  zoom(factor, at) {
    const { width, height } = this.konva.size();
    const point = at ?? { x: width / 2, y: height / 2 };
    const scale = Math.min(Math.max(this.scale * factor, 1e-3), 200);
    const ratio = scale / this.scale;
    this.moved = true;
    this.#view(scale, {
      x: point.x - (point.x - this.position.x) * ratio,
      y: point.y - (point.y - this.position.y) * ratio,
    });
  }

  look(fresh = false) {
    this.fresh ||= fresh;
    clearTimeout(this.soon);
    this.soon = setTimeout(() => this.#ask(), REST);
  }

  #ask() {
    if (!this.state?.shape || !this.scale) return;
    const { width, height } = this.konva.size();
    const [rows, cols] = this.state.shape;
    const [row0, col0] = this.#place({ x: -width / 4, y: -height / 4 });
    const [row1, col1] = this.#place({ x: 1.25 * width, y: 1.25 * height });
    const region = [
      Math.max(0, Math.floor(row0)), Math.max(0, Math.floor(col0)),
      Math.min(rows, Math.ceil(row1) + 1), Math.min(cols, Math.ceil(col1) + 1),
    ];
    if (region[0] >= region[2] || region[1] >= region[3]) return;
    const dense = window.devicePixelRatio || 1;
    const aspect = this.state.aspect || 1;
    const size = [
      Math.ceil((region[2] - region[0]) * this.scale * aspect * dense),
      Math.ceil((region[3] - region[1]) * this.scale * dense),
    ];
    this.send({ do: "look", region, size, fresh: this.fresh });
    this.fresh = false;
  }

  // Pixel centres are at whole numbers: the first pixel is drawn from 0 to 1.
  #place(point) {
    const aspect = this.state.aspect || 1;
    return [
      (point.y - this.position.y) / (this.scale * aspect) - 0.5,
      (point.x - this.position.x) / this.scale - 0.5,
    ];
  }

  // Marks

  #drawMarks() {
    this.marks.destroyChildren();
    if (!this.state || !this.scale) return;
    const aspect = this.state.aspect || 1;
    for (const mark of this.state.marks) {
      const place = { x: mark.col + 0.5, y: mark.row + 0.5 };
      const style = { fill: mark.colour, stroke: "white", strokeWidth: 2, strokeScaleEnabled: false };
      const flat = { scaleX: 1 / this.scale, scaleY: 1 / (this.scale * aspect) };
      this.marks.add(
        mark.square
          ? new Rect({ ...place, ...style, ...flat, width: 2 * MARK, height: 2 * MARK, offset: { x: MARK, y: MARK } })
          : new Circle({ ...place, ...style, ...flat, radius: MARK }),
      );
    }
    if (this.state.box) this.marks.add(this.#rectangle(this.state.box));
    this.marks.batchDraw();
  }

  #rectangle([row0, col0, row1, col1]) {
    return new Rect({
      x: col0, y: row0, width: col1 - col0, height: row1 - row0,
      stroke: "#00d5ff", strokeWidth: 2, strokeScaleEnabled: false,
    });
  }

  // The hand

  #listen() {
    const area = this.konva.content;
    area.style.touchAction = "none";
    area.addEventListener("pointerdown", (event) => this.#down(event));
    area.addEventListener("pointermove", (event) => this.#move(event));
    area.addEventListener("pointerup", (event) => this.#up(event));
    area.addEventListener("pointercancel", () => this.#drop());
    area.addEventListener("contextmenu", (event) => event.preventDefault());
    area.addEventListener("wheel", (event) => {
      event.preventDefault();
      if (this.scale) this.zoom(Math.exp(-event.deltaY / 400), this.#point(event));
    }, { passive: false });
  }

  #point(event) {
    const box = this.konva.content.getBoundingClientRect();
    return { x: event.clientX - box.left, y: event.clientY - box.top };
  }

  #down(event) {
    if (!this.state?.shape || !this.scale) return;
    this.holder.closest(".medfm").focus({ preventScroll: true });
    this.konva.content.setPointerCapture(event.pointerId);
    const point = this.#point(event);
    const draws = DRAGGED.has(this.state.tool) && event.button === 0 && !event.shiftKey;
    this.gesture = {
      tool: draws ? this.state.tool : "pan",
      negative: event.altKey || event.button === 2,
      start: point, last: point, far: 0, path: [this.#place(point)],
    };
  }

  #move(event) {
    const gesture = this.gesture;
    if (!gesture) return;
    const point = this.#point(event);
    const away = Math.max(Math.abs(point.x - gesture.start.x), Math.abs(point.y - gesture.start.y));
    gesture.far = Math.max(gesture.far, away);
    if (gesture.tool === "pan" && gesture.far > STILL) {
      this.moved = true;
      this.#view(this.scale, {
        x: this.position.x + point.x - gesture.last.x,
        y: this.position.y + point.y - gesture.last.y,
      });
    }
    gesture.last = point;
    if (gesture.tool === "brush") gesture.path.push(this.#place(point));
    if (gesture.tool !== "pan") this.#drawHand();
  }

  #drawHand() {
    const { tool, path, start, last } = this.gesture;
    this.hand.destroyChildren();
    if (tool === "box") {
      const a = this.#place(start), b = this.#place(last);
      this.hand.add(this.#rectangle([
        Math.min(a[0], b[0]) + 0.5, Math.min(a[1], b[1]) + 0.5,
        Math.max(a[0], b[0]) + 0.5, Math.max(a[1], b[1]) + 0.5,
      ]));
    } else {
      const chosen = this.state.classes.find((c) => c.value === this.state.chosen);
      this.hand.add(new Line({
        points: path.flatMap(([row, col]) => [col + 0.5, row + 0.5]),
        stroke: chosen?.colour ?? "white", opacity: 0.8, lineCap: "round", lineJoin: "round",
        strokeWidth: 2 * this.state.radius,
      }));
    }
    this.hand.batchDraw();
  }

  #up(event) {
    const gesture = this.gesture;
    if (!gesture) return;
    this.gesture = null;
    this.hand.destroyChildren();
    this.hand.batchDraw();
    const place = this.#place(this.#point(event));
    if (gesture.tool === "box" && gesture.far > STILL) {
      this.send({ do: "box", start: gesture.path[0], end: place });
    } else if (gesture.tool === "brush") {
      this.send({ do: "stroke", path: [...gesture.path, place] });
    } else if (gesture.far <= STILL && this.state.tool) {
      this.send({ do: "click", at: place, negative: gesture.negative });
    }
  }

  #drop() {
    this.gesture = null;
    this.hand.destroyChildren();
  }
}
