// The browser's half of a demo. One module serves the live widget (anywidget calls `render`) and the page of
// precomputed frames (which calls `renderFrames`). Native elements only; nothing is loaded from elsewhere.

let count = 0;
const SKIPPED = -1;
const SETTLE = 500; // ms after the last picture before it is announced and stored
const PATIENCE = 4000; // ms to wait for a picture before asking again
const GRACE = 1000; // ms that a first picture in the wrong layout stays unseen while the right one is drawn
const REST = 150; // ms without a change of width before the picture follows it
const RETURN = 0.05; // part of its width that the wide picture needs beyond the point where it left, to come back

function element(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (value === true) node.setAttribute(name, "");
    else if (value !== false && value != null) node.setAttribute(name, value);
  }
  node.append(...children.filter((child) => child != null));
  return node;
}

/** Lets one request be under way at a time; what comes meanwhile waits, and the newest wins. */
export class Pump {
  constructor(send, slow = () => {}, patience = PATIENCE) {
    Object.assign(this, { send, slow, patience, seq: 0, waiting: null, last: null, busy: false, missed: 0 });
  }
  push(value) {
    this.waiting = value;
    this.next();
  }
  next() {
    if (this.busy || this.waiting === null) return;
    this.last = this.waiting;
    this.waiting = null;
    this.busy = true;
    this.seq += 1;
    // A lost reply must not lock the demo. The wait doubles, so a busy kernel finds no heap of requests later.
    this.timer = setTimeout(() => this.lost(), this.patience * 2 ** Math.min(this.missed, 4));
    this.send(this.seq, this.last);
  }
  lost() {
    this.missed += 1;
    this.busy = false;
    this.waiting ??= this.last;
    this.slow(this.missed);
    this.next();
  }
  /** A reply came. Returns false for one that was given up and whose successor is under way. */
  done(seq) {
    if (seq !== this.seq) return false;
    clearTimeout(this.timer);
    this.missed = 0;
    this.busy = false;
    this.next();
    return true;
  }
  stop() {
    clearTimeout(this.timer);
    this.busy = true;
  }
}

/** The layout that fits a width, where `now` is shown. The gap between leaving and returning keeps it from flickering. */
export function layoutFor(spec, width, now) {
  return spec.narrow && width < spec.size[0] * (spec.leave + (now === "narrow" ? RETURN : 0)) ? "narrow" : "wide";
}

/** The bytes of a data URI, or the blob that it was given. */
function blobOf(source) {
  if (typeof source !== "string") return source;
  const [head, body] = source.split(",");
  const bytes = Uint8Array.from(atob(body), (letter) => letter.charCodeAt(0));
  return new Blob([bytes], { type: head.slice(5).split(";")[0] });
}

/**
 * A picture that never flickers. While it moves, a canvas shows bitmaps decoded beforehand: an image element would
 * wait for the next frame of the page to decode and for another to show. At rest it is a plain image with its text.
 */
class Picture {
  constructor(spec) {
    this.sizes = { wide: spec.size, narrow: spec.narrow };
    this.smallest = spec.smallest;
    this.image = element("img", { alt: "", draggable: "false", hidden: true });
    this.canvas = element("canvas", { role: "img", "aria-label": "", hidden: true });
    this.context = this.canvas.getContext("2d");
    this.card = element("div", { class: "db-picture" }, this.image, this.canvas);
    this.node = element("div", { class: "db-scroll" }, this.card);
    this.decoding = false;
    this.queued = null;
    this.shown = null;
    this.arrange("wide");
    // What can be scrolled can be reached by keyboard; what cannot is no stop on the way.
    this.watch = new ResizeObserver(() => {
      const scrolls = this.node.scrollWidth > this.node.clientWidth + 1;
      const says = { tabindex: "0", role: "group", "aria-label": `Picture, scrolls sideways: ${spec.title}` };
      for (const [name, value] of Object.entries(says)) scrolls ? this.node.setAttribute(name, value) : this.node.removeAttribute(name);
    });
    this.watch.observe(this.node);
    this.watch.observe(this.card);
  }
  /** Width in CSS pixels at which a layout is shown; the style sheet comes to the same. */
  width(layout) {
    const [full] = this.sizes[layout];
    const room = Math.floor(this.node.getBoundingClientRect().width); // 0 in a hidden tab
    return room ? Math.min(full, Math.max(room, Math.round(full * this.smallest))) : full;
  }
  /** Make room for a layout. */
  arrange(layout) {
    const [width, height] = this.sizes[layout];
    const style = { width: `${width}px`, "min-width": `${Math.round(width * this.smallest)}px`, "aspect-ratio": `${width} / ${height}` };
    for (const [name, value] of Object.entries(style)) this.card.style.setProperty(name, value);
    this.card.dataset.layout = layout;
  }
  /** Keep what is shown unseen until a picture in this layout comes, but not for long. */
  hold(layout) {
    this.held = layout;
    this.card.classList.add("db-held");
    this.arrange(layout);
    this.holding = setTimeout(() => this.reveal(), GRACE);
  }
  reveal() {
    clearTimeout(this.holding);
    this.held = null;
    this.card.classList.remove("db-held");
    if (this.shown) this.arrange(this.shown.layout);
  }
  async show(source, alt, tag, layout) {
    this.queued = { source, alt, tag, layout };
    this.shownAs = layout;
    if (this.decoding) return;
    this.decoding = true;
    while (this.queued) {
      const next = this.queued;
      this.queued = null;
      next.blob = blobOf(next.source);
      const bitmap = await createImageBitmap(next.blob);
      Object.assign(this.canvas, { width: bitmap.width, height: bitmap.height });
      this.context.drawImage(bitmap, 0, 0);
      bitmap.close();
      this.canvas.setAttribute("aria-label", next.alt);
      this.canvas.hidden = false;
      this.image.hidden = true;
      this.shown = next;
      if (!this.held) this.arrange(next.layout);
      else if (this.held === next.layout) this.reveal();
      this.card.dataset.frame = next.tag;
      delete this.card.dataset.settled;
    }
    this.decoding = false;
  }
  async settle() {
    const shown = this.shown;
    if (!shown || this.card.dataset.settled) return;
    const url = URL.createObjectURL(shown.blob);
    this.image.src = url;
    await this.image.decode().catch(() => {}); // a page in the background may refuse; the image is shown all the same
    if (this.url) URL.revokeObjectURL(this.url);
    this.url = url;
    if (shown !== this.shown) return;
    this.image.alt = shown.alt;
    this.image.hidden = false;
    this.canvas.hidden = true;
    this.card.dataset.settled = shown.tag;
  }
  destroy() {
    this.watch.disconnect();
    clearTimeout(this.holding);
    if (this.url) URL.revokeObjectURL(this.url);
  }
}

function questionForm(question, id, choice, onAnswer) {
  const form = element("form", { class: "db-question" });
  const commit = element("button", { type: "submit", class: "db-button db-primary", disabled: true }, "Keep my prediction");
  const skip = element("button", { type: "button", class: "db-button", onclick: () => finish(SKIPPED) }, "Skip");
  const kept = element("p", { class: "db-kept", role: "status" });
  const options = question.options.map((text, index) => {
    const input = element("input", { type: "radio", name: `${id}-option`, value: index, "data-lm-suppress-shortcuts": "true" });
    input.addEventListener("change", () => (commit.disabled = false));
    return element("label", { class: "db-option" }, input, element("span", {}, text));
  });
  const fieldset = element(
    "fieldset",
    { class: "db-options" },
    element("legend", {}, element("span", { class: "db-tag" }, "Predict"), question.text || "What do you expect?"),
    element("div", { class: "db-option-list" }, ...options),
  );
  const actions = element("div", { class: "db-actions" }, commit, skip, kept);
  form.append(fieldset, actions);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const chosen = form.querySelector("input:checked");
    if (chosen) finish(Number(chosen.value));
  });

  function show(choice) {
    fieldset.disabled = true;
    form.classList.add("db-answered");
    commit.hidden = skip.hidden = true;
    kept.textContent = choice === SKIPPED ? "Skipped." : "Your prediction is kept.";
    if (choice >= 0) {
      const input = options[choice].querySelector("input");
      input.checked = true;
      options[choice].classList.add("db-chosen");
    }
  }
  function finish(choice) {
    show(choice);
    onAnswer(choice);
  }
  if (choice != null) show(choice);
  return { form, actions };
}

/** The controls: each a native element over a list of stops. */
function controlPanel(spec, id, stops, onMove) {
  const inputs = [];
  const setters = [];
  const rows = spec.controls.map((control, place) => {
    const inputId = `${id}-${control.name}`;
    const attributes = { id: inputId, "data-lm-suppress-shortcuts": "true", "data-control": control.name };
    const label = element("label", { for: inputId }, control.label);
    const last = control.labels.length - 1;
    let input, output, set;
    if (control.kind === "select") {
      input = element("select", attributes, ...control.labels.map((text, value) => element("option", { value }, text)));
      set = (stop) => (input.value = stop);
      input.addEventListener("change", () => moved(place, Number(input.value)));
    } else if (control.kind === "toggle") {
      input = element("input", { ...attributes, type: "checkbox" });
      set = (stop) => (input.checked = stop === 1);
      input.addEventListener("change", () => moved(place, Number(input.checked)));
    } else {
      const width = Math.max(...control.labels.map((text) => text.length));
      output = element("output", { for: inputId, style: `min-width:${width}ch` });
      input = element("input", { ...attributes, type: "range", min: 0, max: last, step: 1 });
      set = (stop) => {
        input.value = stop;
        output.textContent = control.labels[stop];
        input.setAttribute("aria-valuetext", control.labels[stop]);
      };
      input.addEventListener("input", () => {
        set(Number(input.value));
        moved(place, Number(input.value));
      });
    }
    inputs.push(input);
    setters.push(set);
    set(stops[place]);
    return element("div", { class: `db-control db-${control.kind}` }, label, input, output);
  });
  function moved(place, stop) {
    onMove(stops.map((old, index) => (index === place ? stop : old)), place);
  }
  return {
    rows,
    inputs,
    set(next) {
      stops = next;
      next.forEach((stop, place) => setters[place](stop));
    },
  };
}

/**
 * Build a demo inside `root`.
 * `link` reaches whatever makes the pictures: draw(stops), predict(choice), settle(), and stale(layout), which says
 * whether the last picture asked for was for another width. The demo asks anew when its width has changed.
 * Returns what it calls back: show(picture, alt, tag, layout), fail(message), compare(text), notice(text).
 */
export function build(root, spec, state, link) {
  const id = `db-${(count += 1)}-${Math.random().toString(36).slice(2, 7)}`;
  const question = spec.question;
  const picture = new Picture(spec);
  let stops = [...state.stops];
  let answered = !question || state.choice != null;
  let moved = answered && question != null && state.stops.some((stop, place) => stop !== spec.controls[place].start);
  let comparison = state.comparison ?? "";
  let settleTimer = null;

  const caption = element("p", { class: "db-caption", "aria-hidden": "true" });
  const live = element("p", { class: "db-hidden", "aria-live": "polite" });
  const compared = element("p", { class: "db-compared", role: "status" });
  const trouble = element("p", { class: "db-trouble", role: "alert", hidden: true });
  const note = element("p", { class: "db-note", role: "status" });
  const panel = controlPanel(spec, id, stops, (next, place) => go(link.adjust?.(next, place) ?? next));
  const showMe = element("button", { type: "button", class: "db-button", hidden: true, onclick: () => go([...question.at]) }, "Show me");
  const reset = element(
    "button",
    { type: "button", class: "db-button db-quiet", onclick: () => go(spec.controls.map((control) => control.start)) },
    "Back to start",
  );
  const controls = element(
    "fieldset",
    { class: "db-controls" },
    element("legend", { class: "db-hidden" }, `Controls: ${spec.title}`),
    ...panel.rows,
  );
  const foot = element("div", { class: "db-foot" }, note, reset);

  function go(next) {
    stops = next;
    panel.set(next);
    moved = true;
    showComparison();
    link.draw(next);
  }
  function showComparison() {
    compared.textContent = answered && moved ? comparison : "";
  }
  function unlock(choice) {
    answered = true;
    controls.disabled = reset.disabled = false;
    note.textContent = "";
    showMe.hidden = !question.compared;
    link.predict(choice);
    // The button that was pressed is gone: the keyboard goes on at the first control.
    panel.inputs[0].focus({ preventScroll: true });
  }

  const parts = [element("p", { class: "db-title", id: `${id}-title` }, spec.title)];
  if (question) {
    const { form, actions } = questionForm(question, id, state.choice, unlock);
    actions.append(showMe);
    showMe.hidden = !(answered && question.compared);
    parts.push(form);
  }
  controls.disabled = reset.disabled = !answered;
  if (!answered) note.textContent = "The controls unlock when you keep a prediction or skip.";
  parts.push(controls, foot, picture.node, caption, live, compared, trouble);
  const card = element("div", { class: "db-demo", role: "group", "aria-labelledby": `${id}-title` }, ...parts);
  card.style.setProperty("--db-width", `${spec.size[0]}px`);
  card.dataset.demo = spec.name;
  root.append(card);
  showComparison();

  function rest() {
    clearTimeout(settleTimer);
    settleTimer = setTimeout(() => {
      if (link.busy?.()) return; // another picture is on its way
      live.textContent = caption.textContent;
      picture.settle();
      link.settle?.();
    }, SETTLE);
  }

  // The layout; null until the page has given the demo a width. A hidden tab gives none: all stays as it is.
  let layout = null;
  let resizing = null;
  function fit() {
    const room = picture.node.clientWidth;
    if (!room) return;
    const first = layout === null;
    layout = layoutFor(spec, room, layout);
    if (first && picture.shownAs !== layout) picture.hold(layout);
    if (link.stale(layout)) link.draw(stops);
  }
  function resized() {
    clearTimeout(resizing);
    if (layout === null) fit();
    else resizing = setTimeout(fit, REST);
  }
  const observer = new ResizeObserver(resized);

  const view = {
    card,
    layout: () => layout ?? picture.shownAs ?? "wide",
    width: (name) => picture.width(name),
    start() {
      resized(); // where the page is not yet laid out this finds nothing, and the observer finds it later
      observer.observe(picture.node);
    },
    draw: () => link.draw(stops),
    show(source, alt, tag, name) {
      trouble.hidden = true;
      if (answered) note.textContent = "";
      caption.textContent = alt;
      picture.show(source, alt, tag, name);
      rest();
    },
    fail(message) {
      trouble.hidden = false;
      trouble.textContent = `This picture could not be drawn. ${message}`;
      if (answered) note.textContent = "";
      rest();
    },
    notice(text) {
      note.textContent = text;
    },
    compare(text) {
      comparison = text;
      showComparison();
    },
    destroy() {
      observer.disconnect();
      clearTimeout(resizing);
      clearTimeout(settleTimer);
      picture.destroy();
      card.remove();
    },
  };
  return view;
}

function renderDemo({ model, el }) {
  const spec = model.get("spec");
  const id = Math.random().toString(36).slice(2);
  const png = (bytes) => new Blob([bytes], { type: "image/png" });
  let shown = 0;
  // What the last picture asked for was drawn for. The stored one has one pixel for one pixel of the declaration.
  let drawn = { layout: model.get("drawn_as"), scale: 1 };
  // Drawn at the size at which it is shown: sharp on fine screens and in narrow windows, with nothing to spare.
  const wanted = (layout) => {
    const full = (layout === "narrow" ? spec.narrow : spec.size)[0];
    const pixels = Math.round(view.width(layout) * (window.devicePixelRatio || 1));
    return { layout, scale: Math.min(Math.max(pixels / full, 0.5), 2) };
  };
  const pump = new Pump(
    (seq, stops) => {
      drawn = wanted(view.layout());
      model.send({ kind: "draw", view: id, seq, stops, ...drawn });
    },
    (missed) =>
      view.notice(
        missed < 3
          ? "The kernel is busy. The picture follows when it is free."
          : "The kernel does not answer. If it was restarted, run this cell again.",
      ),
  );
  const state = Object.fromEntries(["stops", "choice", "comparison"].map((name) => [name, model.get(name)]));
  const view = build(el, spec, state, {
    draw: (stops) => pump.push(stops),
    busy: () => pump.busy,
    predict: (choice) => model.send({ kind: "predict", choice }),
    settle: () => shown && model.send({ kind: "settle" }),
    stale: (layout) => layout !== drawn.layout || Math.abs(wanted(layout).scale / drawn.scale - 1) > 0.005,
  });
  const onMessage = (message, buffers) => {
    if (message.view !== id && message.kind !== "error") return;
    pump.done(message.seq);
    if (message.kind === "error") view.fail(message.message);
    else if (message.seq > shown && message.layout === view.layout()) {
      shown = message.seq;
      view.show(png(buffers[0]), message.alt, message.seq, message.layout);
    }
  };
  const onComparison = () => view.compare(model.get("comparison"));
  model.on("msg:custom", onMessage);
  model.on("change:comparison", onComparison);
  const picture = model.get("picture");
  if (picture?.byteLength) view.show(png(picture), model.get("alt"), 0, model.get("drawn_as"));
  if (model.get("error")) view.fail(model.get("error"));
  view.start();
  return () => {
    pump.stop();
    model.off("msg:custom", onMessage);
    model.off("change:comparison", onComparison);
    model.send({ kind: "release" });
    view.destroy();
  };
}

function renderQuestion({ model, el }) {
  const id = `db-${(count += 1)}-${Math.random().toString(36).slice(2, 7)}`;
  const question = model.get("spec").question;
  const { form } = questionForm(question, id, model.get("choice"), (choice) => model.send({ kind: "predict", choice }));
  el.append(element("div", { class: "db-demo db-alone" }, form));
}

function render(context) {
  return context.model.get("spec").kind === "question" ? renderQuestion(context) : renderDemo(context);
}

/** The page without a kernel: `data` holds the frames by their stops. */
export function renderFrames(root, data) {
  const { spec, frames, alone, comparisons } = data;
  const start = spec.controls.map((control) => control.start);
  let shown = 0;
  let drawn = null;
  const view = build(root, spec, { stops: start, choice: null, comparison: "" }, {
    // Where only one control at a time was varied, the others go back to their start.
    adjust: (next, place) => (alone ? next.map((stop, index) => (index === place ? stop : start[index])) : next),
    draw: (stops) => {
      const frame = frames[stops.join(",")];
      drawn = view.layout();
      if (frame) view.show(drawn === "narrow" ? frame.narrow : frame.src, frame.alt, shown, drawn);
      shown += 1;
    },
    predict: (choice) => view.compare(comparisons[choice] ?? ""),
    stale: (layout) => layout !== drawn,
  });
  view.start();
  if (drawn === null) view.draw(); // in a page that is not laid out
  // Inside another page: the inline frame takes the height of what it holds.
  const inline = window.frameElement;
  if (inline) new ResizeObserver(() => (inline.style.height = `${document.body.scrollHeight + 20}px`)).observe(document.body);
}

export default { render };
