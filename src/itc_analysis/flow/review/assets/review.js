// The page: one gate at a time or many, moved by pointer or keys, decisions kept until they are saved.
(() => {
  "use strict";
  const DATA = JSON.parse(document.getElementById("data").textContent);
  const { STEPS, LOWEST, HIGHEST } = GateMath;
  const $ = (id) => document.getElementById(id);
  const COLUMNS = ["panel", "tube", "gate", "decision", "place", "comment", "reviewer", "gate_digest"];
  const DONE = { accept: "accepted", flag: "flagged", correct: "corrected" };
  const LINE = { // of the state's badge in the style sheet
    ok: "#00694d", pooled: "#0061a0", borrowed: "#a84900", control: "#8f4a73", ambiguous: "#6e6600",
    weak: "#875800", manual: "#000", not_estimable: "#a00000",
  };
  const SIDE = 600, LEFT = 66, TOP = 12, INNER = 522; // of the drawing, as in the style sheet
  const PER_PAGE = 24, LISTED = 40, FAR = 8;
  const VIRIDIS = [[253, 231, 37], [122, 209, 81], [34, 168, 132], [42, 120, 142], [65, 68, 135], [68, 1, 84]];
  const INITIALS = /^[A-Za-z0-9][A-Za-z0-9_.-]*$/;

  const views = new Map(); // place of a tube -> its views by population
  const decisions = new Map(); // key of a gate -> row of the sheet
  const moved = new Map(); // key of a gate -> points that are not recorded yet
  let order = DATA.gates.map((_, i) => i), at = 0, chosen = -1, isGrid = false, isDirty = false;
  let others = []; // rows of other panels, and of gates that are not on the page

  const gateName = (gate) => DATA.populations[gate.gate];
  const tubeOf = (gate) => DATA.tubes[gate.tube];
  const keyOf = (gate) => `${tubeOf(gate).id}\t${gateName(gate)}`;
  const here = () => DATA.gates[order[at]];

  // ---- rows of the sheet -------------------------------------------------------------------
  const byKey = new Map(DATA.gates.map((gate) => [keyOf(gate), gate]));
  function take(rows) {
    decisions.clear();
    others = [];
    for (const gate of DATA.gates) delete gate.changed;
    for (const row of rows) {
      const gate = row.panel === DATA.panel ? byKey.get(`${row.tube}\t${row.gate}`) : undefined;
      if (gate === undefined) others.push(row);
      else if (row.gate_digest === gate.digest) decisions.set(keyOf(gate), row);
      else {
        gate.changed = row.reviewer;
        gate.old = row;
      }
    }
  }
  function rowsToSave(isAll) {
    const rows = [...decisions.values()];
    for (const gate of DATA.gates) if (gate.old && !decisions.has(keyOf(gate))) rows.push(gate.old);
    rows.push(...others.filter((row) => isAll || row.panel === DATA.panel));
    const sorted = (row) => `${row.panel}\t${row.tube}\t${row.gate}`;
    return rows.sort((one, two) => (sorted(one) < sorted(two) ? -1 : 1));
  }
  const asText = (rows) =>
    [COLUMNS, ...rows.map((row) => COLUMNS.map((name) => row[name] || ""))]
      .map((cells) => cells.join("\t") + "\n").join("");
  function fromText(text) {
    const [head, ...lines] = text.replace(/^\ufeff/, "").split(/\r?\n/).filter(Boolean)
      .map((line) => line.split("\t"));
    if (!head || COLUMNS.some((name) => !head.includes(name))) return null;
    return lines.map((cells) => Object.fromEntries(head.map((name, i) => [name, cells[i] || ""])));
  }

  // ---- densities ---------------------------------------------------------------------------
  async function viewOf(gate) {
    if (!views.has(gate.tube)) views.set(gate.tube, unpack($(`t${gate.tube}`).textContent));
    return (await views.get(gate.tube)).get(gateName(gate));
  }
  async function unpack(text) {
    const packed = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
    const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("deflate"));
    const bytes = new Uint8Array(await new Response(stream).arrayBuffer());
    let place = bytes.indexOf(10) + 1;
    const heads = JSON.parse(new TextDecoder().decode(bytes.subarray(0, place)));
    const read = (n) => Array.from({ length: n }, () => {
      let number = 0, bit = 0, byte;
      do {
        byte = bytes[place++];
        number += (byte & 127) * 2 ** bit;
        bit += 7;
      } while (byte & 128);
      return number;
    });
    return new Map(heads.map((head) => {
      head.counts = read(head.shape[0] * head.shape[1]);
      const counts = read(head.steps);
      head.profile = head.steps ? { first: head.first, counts } : null;
      return [head.gate, head];
    }));
  }

  // ---- the gate as it is looked at ---------------------------------------------------------
  // A tube without a gate of its own is shown one like those of the others, to be placed.
  const models = new Map();
  for (const gate of DATA.gates) if (gate.shape && !models.has(gate.gate)) models.set(gate.gate, gate.shape);
  const shapeBefore = (gate) => gate.shape || null;
  function pointsOf(gate) {
    const row = decisions.get(keyOf(gate));
    if (moved.has(keyOf(gate))) return moved.get(keyOf(gate));
    return row && row.decision === "correct" ? GateMath.parsePlace(row.place) : null;
  }
  function shapeNow(gate) {
    const points = pointsOf(gate), shape = gate.shape || models.get(gate.gate);
    return points && shape ? GateMath.movedTo(shape, points) : shapeBefore(gate);
  }
  function move(gate, points) {
    const bounded = (x) => Math.min(Math.max(x, LOWEST), HIGHEST);
    const inside = points.map((point) => point.map(bounded));
    if (inside.length === 2 && inside[0].length === 1 && inside[0][0] >= inside[1][0]) return;
    moved.set(keyOf(gate), inside);
    render();
  }
  function moveBy(dx, dy) {
    const gate = here(), shape = shapeNow(gate) || models.get(gate.gate);
    if (!shape) return say("No tube has such a gate, so there is none to move: draw it in a manual gate.");
    const points = GateMath.placeOf(shape);
    const nudge = (x, by) => (by > 0 ? Math.floor(x * STEPS + 1e-6) : Math.ceil(x * STEPS - 1e-6)) / STEPS + by / STEPS;
    if (points[0].length === 1) {
      const by = dx || dy, one = points.length === 1 ? 0 : Math.max(chosen, 0);
      return move(gate, points.map((point, i) => (i === one ? [nudge(point[0], by)] : point)));
    }
    const swap = currentView && shape.markers[0] === currentView.y;
    const [bx, by] = swap ? [dy, dx] : [dx, dy];
    return move(gate, points.map((point, i) =>
      chosen < 0 || i === chosen ? [point[0] + bx / STEPS, point[1] + by / STEPS] : point));
  }

  // ---- drawing -----------------------------------------------------------------------------
  const svg = (name, attributes, text) => {
    const made = document.createElementNS("http://www.w3.org/2000/svg", name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    if (text !== undefined) made.textContent = text;
    return made;
  };
  function axesOf(gate, view, shape) {
    const shared = DATA.axes[gate.gate];
    const is = shared && shared.x === view.x && shared.y === view.y;
    const axes = is ? shared.spans : [view.spans[0], view.spans[1] || [0, 1]];
    const cuts = shape ? cutsOf(shape, view) : []; // one that was moved out of sight makes room
    return axes.map(([low, high], axis) => {
      const places = cuts.filter(([on]) => on === axis).map(([, place]) => place);
      const margin = 0.02 * (high - low);
      return [Math.min(low, ...places.map((x) => x - margin)), Math.max(high, ...places.map((x) => x + margin))];
    });
  }
  function colourOf(share, isInside) {
    if (!isInside) return Array(3).fill(Math.round(235 - 130 * share));
    const place = share * (VIRIDIS.length - 1), low = Math.min(Math.floor(place), VIRIDIS.length - 2);
    return VIRIDIS[low].map((c, i) => Math.round(c + (VIRIDIS[low + 1][i] - c) * (place - low)));
  }
  function paint(canvas, gate, view, shape, size) {
    canvas.width = canvas.height = size;
    const context = canvas.getContext("2d"), [nx, ny] = view.shape, isFlat = !view.spans[1];
    const rows = isFlat ? 64 : ny, bins = document.createElement("canvas");
    bins.width = nx;
    bins.height = rows;
    const pixels = bins.getContext("2d"), image = pixels.createImageData(nx, rows);
    const top = Math.log1p(Math.max(1, ...view.counts)), at = {};
    const known = shape && shape.markers.every((m) => m === view.x || m === view.y || shape.kind === "all_above");
    const middle = (span, i, n) => span[0] + ((i + 0.5) * (span[1] - span[0])) / n;
    for (let i = 0; i < nx; i++) {
      at[view.x] = middle(view.spans[0], i, nx);
      for (let j = 0; j < rows; j++) {
        const events = view.counts[isFlat ? i : i * ny + j];
        let share = Math.log1p(events) / top;
        if (isFlat) share = j < share * rows ? 0.5 : 0;
        if (!events || !share) continue;
        if (!isFlat) at[view.y] = middle(view.spans[1], j, ny);
        const isInside = known && GateMath.contains(shape, at);
        image.data.set([...colourOf(share, isInside), 255], 4 * ((rows - 1 - j) * nx + i));
      }
    }
    pixels.putImageData(image, 0, 0);
    const axes = axesOf(gate, view, shape), along = (x, [low, high]) => ((x - low) / (high - low)) * size;
    const [x0, x1] = view.spans[0].map((x) => along(x, axes[0]));
    const [y0, y1] = (view.spans[1] || [0, 1]).map((y) => size - along(y, axes[1]));
    context.imageSmoothingEnabled = false;
    context.drawImage(bins, x0, y1, x1 - x0, y0 - y1);
    return axes;
  }
  function ticksOf(ticks, [low, high]) {
    const roundness = (unit) => (unit === 0 ? 0 : { 1: 1, 2: 2, 5: 2 }[String(Math.abs(unit)).replace(/0+$/, "")] || 3);
    const kept = [];
    for (const [place, unit] of [...ticks].sort((a, b) => roundness(a[1]) - roundness(b[1]) || b[1] - a[1])) {
      if (place < low || place > high) continue;
      if (kept.every(([other]) => Math.abs(place - other) > 0.13 * (high - low))) kept.push([place, unit]);
    }
    return kept;
  }
  function label(unit) {
    const size = Math.abs(unit), sign = unit < 0 ? "\u2212" : "";
    if (size >= 1e6) return `${sign}${size / 1e6}M`;
    return size >= 1000 ? `${sign}${size / 1000}k` : `${sign}${size}`;
  }
  let currentView = null, currentAxes = null;
  const toX = (x) => LEFT + ((x - currentAxes[0][0]) / (currentAxes[0][1] - currentAxes[0][0])) * INNER;
  const toY = (y) => TOP + INNER - ((y - currentAxes[1][0]) / (currentAxes[1][1] - currentAxes[1][0])) * INNER;
  const clamp = (value, low) => Math.min(Math.max(value, low), low + INNER);
  function rule(marks, axis, place, look) {
    const x = axis === 0, p = x ? toX(place) : toY(place);
    if (p < (x ? LEFT : TOP) - 1 || p > (x ? LEFT : TOP) + INNER + 1) return null;
    const ends = x ? { x1: p, x2: p, y1: TOP, y2: TOP + INNER } : { x1: LEFT, x2: LEFT + INNER, y1: p, y2: p };
    return marks.appendChild(svg("line", { ...ends, ...look }));
  }
  const axisOf = (marker, view) => (marker === view.x ? 0 : marker === view.y ? 1 : -1);
  function cutsOf(shape, view) { // pairs of axis and place, with the number of the point each belongs to
    if (shape.kind === "threshold" || shape.kind === "all_above") {
      return shape.markers.map((m) => [axisOf(m, view), shape.cut, 0]).filter(([axis]) => axis >= 0);
    }
    if (shape.kind === "rectangle" && shape.markers.length === 1) {
      const axis = axisOf(shape.markers[0], view);
      return [...shape.lowest, ...shape.highest].map((x, i) => [axis, x, i]).filter(([a, x]) => a >= 0 && x !== null);
    }
    return [];
  }
  function outlineOf(shape, view) {
    if (shape.markers.length !== 2 || shape.markers.some((m) => axisOf(m, view) < 0) || shape.kind === "all_above") return null;
    const swap = axisOf(shape.markers[0], view) === 1;
    return GateMath.placeOf(shape).map(([a, b]) => (swap ? [b, a] : [a, b]));
  }
  function drawMarks(gate, view, shape) {
    const marks = $("marks");
    marks.replaceChildren();
    marks.setAttribute("viewBox", `0 0 ${SIDE} ${SIDE}`);
    const clip = marks.appendChild(svg("clipPath", { id: "inside" }));
    clip.append(svg("rect", { x: LEFT, y: TOP, width: INNER, height: INNER }));
    marks.append(svg("rect", { class: "frame", x: LEFT, y: TOP, width: INNER, height: INNER }));
    for (const [place, unit] of ticksOf(view.ticks[0], currentAxes[0])) {
      marks.append(svg("text", { x: toX(place), y: TOP + INNER + 18, "text-anchor": "middle" }, label(unit)));
    }
    marks.append(svg("text", { x: LEFT + INNER / 2, y: SIDE - 12, "text-anchor": "middle" }, view.x));
    if (view.spans[1]) {
      for (const [place, unit] of ticksOf(view.ticks[1], currentAxes[1])) {
        marks.append(svg("text", { x: LEFT - 6, y: toY(place) + 4, "text-anchor": "end" }, label(unit)));
      }
      marks.append(svg("text", { transform: `translate(15 ${TOP + INNER / 2}) rotate(-90)`, "text-anchor": "middle" }, view.y));
    }
    const before = shapeBefore(gate), colour = LINE[gate.state];
    if (before && before !== shape) {
      for (const [axis, place] of cutsOf(before, view)) rule(marks, axis, place, { class: "was" });
      const outline = outlineOf(before, view);
      if (outline) marks.append(svg("polygon", { class: "was", "clip-path": "url(#inside)", points: pathOf(outline) }));
    }
    if (!shape) return;
    for (const [axis, place, point] of cutsOf(shape, view)) {
      if (gate.se !== undefined && shape === before) {
        const [a, b] = [place - 2 * gate.se, place + 2 * gate.se].map(axis === 0 ? toX : toY).sort((p, q) => p - q);
        const low = clamp(a, axis === 0 ? LEFT : TOP), width = clamp(b, axis === 0 ? LEFT : TOP) - low;
        marks.append(svg("rect", axis === 0
          ? { class: "band", fill: colour, x: low, width, y: TOP, height: INNER }
          : { class: "band", fill: colour, y: low, height: width, x: LEFT, width: INNER }));
      }
      if (gate.own !== undefined) rule(marks, axis, gate.own, { class: "own" });
      rule(marks, axis, place, { class: "cut", stroke: colour });
      rule(marks, axis, place, { class: "hit", "data-axis": axis, "data-point": point });
    }
    const outline = outlineOf(shape, view);
    if (!outline) return;
    marks.append(svg("polygon", { class: "edge", "clip-path": "url(#inside)", points: pathOf(outline), stroke: colour }));
    marks.append(svg("polygon", { class: "hit", "clip-path": "url(#inside)", points: pathOf(outline), "data-point": -1 }));
    outline.forEach(([x, y], i) => marks.append(svg("circle", {
      class: i === chosen ? "grip chosen" : "grip", stroke: colour, r: outline.length > 30 ? 4 : 6,
      cx: clamp(toX(x), LEFT), cy: clamp(toY(y), TOP), "data-point": i,
    })));
  }
  const pathOf = (outline) => outline.map(([x, y]) => `${toX(x)},${toY(y)}`).join(" ");

  // ---- numbers in words --------------------------------------------------------------------
  const many = (n) => n.toLocaleString("en");
  function perCent(n, of) { // three digits, or two of what is lacking to the whole
    if (!of) return "\u2013";
    const share = (100 * n) / of, lacking = 100 - share;
    if (share < 99 || lacking < 1e-9) return `${Number(share.toPrecision(3))} %`;
    return `${share.toFixed(Math.min(1 - Math.floor(Math.log10(lacking)), 8))} %`;
  }
  // Limits that hold wherever between its two ends the count lies.
  function limitsText(count, of) {
    if (!of) return "\u2013";
    const [low] = GateMath.countLimits(count.least, of), [, high] = GateMath.countLimits(count.most, of);
    return `${perCent(low, of)} to ${perCent(high, of)}`;
  }
  // A count, or the best guess and both ends of what the next run may count.
  function countText(count, form) {
    if (count.least === count.most) return form(count.n);
    return `${form(count.n)} (${form(count.least)} to ${form(count.most)})`;
  }
  function placeText(shape) {
    if (!shape) return "none";
    const points = GateMath.placeOf(shape);
    return points[0].length === 2 ? `${points.length} corners` : points.map(([x]) => x.toFixed(4)).join(" to ");
  }
  function fill(side, count, of, shape) {
    $(`n-${side}`).textContent = count ? countText(count, many) : "\u2013";
    $(`of-${side}`).textContent = of === undefined ? "\u2013" : many(of);
    $(`share-${side}`).textContent = count && of ? countText(count, (n) => perCent(n, of)) : "\u2013";
    $(`limits-${side}`).textContent = count && of !== undefined ? limitsText(count, of) : "\u2013";
    $(`place-${side}`).textContent = placeText(shape);
  }
  function standing(gate) {
    const row = decisions.get(keyOf(gate));
    if (row) return `${DONE[row.decision]} by ${row.reviewer}`;
    return gate.changed ? `changed since ${gate.changed} reviewed it` : "not reviewed";
  }
  function say(text) {
    $("live").textContent = text;
  }

  // ---- rendering ---------------------------------------------------------------------------
  function badge(state) {
    const made = document.createElement("span");
    made.className = `badge state-${state}`;
    made.textContent = state.replace("_", " ");
    return made;
  }
  async function render() {
    $("one").hidden = $("numbers").hidden = isGrid || !order.length;
    $("grid").hidden = !isGrid;
    renderProgress();
    renderList();
    if (isGrid) return renderGrid();
    if (!order.length) return undefined;
    const gate = here(), view = await viewOf(gate);
    if (gate !== here() || isGrid) return undefined; // gone on meanwhile
    const before = shapeBefore(gate), shape = shapeNow(gate), tube = tubeOf(gate);
    $("name").textContent = `${gateName(gate)} in ${tube.id}`;
    $("state").replaceChildren(badge(gate.state), ` within ${gate.parent}, batch ${tube.batch}` +
      (tube.person ? `, person ${tube.person}` : ""));
    $("reason").textContent = gate.reason || "";
    currentView = view || null;
    $("plot").hidden = !view;
    const was = gate.n === undefined ? null : { n: gate.n, least: gate.n, most: gate.n };
    let now = shape === before ? was : null, of = gate.of;
    if (view) {
      currentAxes = paint($("density"), gate, view, shape, 512);
      drawMarks(gate, view, shape);
      of = view.counts.reduce((sum, n) => sum + n, 0);
      if (shape && !now) now = GateMath.countGate(view, shape);
    }
    fill("was", was, gate.of, before);
    fill("now", now, of, shape);
    $("background").textContent = gate.background === undefined ? "" :
      `As counted: ${Number(gate.background.toPrecision(3))} events of background expected, ${Math.round(gate.lower)} to ` +
      `${Math.round(gate.upper)} cells (95 %)` + (gate.detection ? `, ${gate.detection.replace("below_lod", "below the limit of detection")}` : "");
    const row = decisions.get(keyOf(gate));
    for (const name of ["accept", "flag", "correct"]) {
      $(name).setAttribute("aria-pressed", String(Boolean(row) && row.decision === name));
    }
    $("decision").textContent = standing(gate) + (moved.has(keyOf(gate)) ? "; moved, not recorded yet: press c" : "");
    if (document.activeElement !== $("comment")) $("comment").value = (row && row.comment) || notes.get(keyOf(gate)) || "";
    describePlot(gate, shape, now);
    return undefined;
  }
  function describePlot(gate, shape, count) {
    const plot = $("plot"), isCut = shape && (shape.kind === "threshold" || shape.kind === "all_above");
    const told = count ? `${many(count.n)} events inside` : "not counted";
    plot.setAttribute("role", isCut ? "slider" : "group");
    plot.setAttribute("aria-label", `${isCut ? "Cut" : "Gate"} of ${gateName(gate)} in ${tubeOf(gate).id}`);
    const values = isCut ? { "aria-valuemin": LOWEST, "aria-valuemax": HIGHEST, "aria-valuenow": shape.cut, "aria-valuetext": `${shape.cut.toFixed(4)}, ${told}` } : {};
    for (const name of ["aria-valuemin", "aria-valuemax", "aria-valuenow", "aria-valuetext"]) {
      if (name in values) plot.setAttribute(name, values[name]);
      else plot.removeAttribute(name);
    }
  }
  function renderProgress() {
    const n = DATA.gates.filter((gate) => decisions.has(keyOf(gate))).length;
    const changed = DATA.gates.filter((gate) => gate.changed && !decisions.has(keyOf(gate))).length;
    $("progress").textContent = `${many(n)} of ${many(DATA.gates.length)} gates reviewed` +
      (changed ? `; ${many(changed)} changed since their review` : "") +
      `. Shown: ${order.length ? many(at + 1) : 0} of ${many(order.length)}, the worst judged first.`;
    $("saved").textContent = isDirty ? "not saved" : savedText;
  }
  function renderList() {
    const from = Math.max(0, Math.min(at - FAR, order.length - LISTED));
    $("list").start = from + 1;
    $("list").replaceChildren(...order.slice(from, from + LISTED).map((index, i) => {
      const gate = DATA.gates[index], item = document.createElement("li"), button = document.createElement("button");
      button.type = "button";
      const row = decisions.get(keyOf(gate)), mark = document.createElement("span");
      mark.className = "mark";
      mark.textContent = row ? ` ${DONE[row.decision]}` : gate.changed ? " changed since" : "";
      button.append(badge(gate.state), ` ${gateName(gate)} \u00b7 ${tubeOf(gate).id}`, mark);
      if (from + i === at) button.setAttribute("aria-current", "true");
      button.addEventListener("click", () => go(from + i));
      item.append(button);
      return item;
    }));
  }
  async function renderGrid() {
    const page = order.slice(at, at + PER_PAGE).map((index) => DATA.gates[index]);
    const found = await Promise.all(page.map(viewOf));
    if (!isGrid) return;
    $("tiles").replaceChildren(...page.map((gate, i) => {
      const item = document.createElement("li"), button = document.createElement("button");
      button.type = "button";
      const canvas = document.createElement("canvas"), view = found[i], shape = shapeNow(gate);
      canvas.setAttribute("aria-hidden", "true");
      if (view) thumbnail(canvas, gate, view, shape);
      const row = decisions.get(keyOf(gate));
      button.append(canvas, badge(gate.state), ` ${gateName(gate)} \u00b7 ${tubeOf(gate).id}` + (row ? ` \u00b7 ${DONE[row.decision]}` : ""));
      button.addEventListener("click", () => {
        isGrid = false;
        go(at + i);
      });
      item.append(button);
      return item;
    }));
  }
  function thumbnail(canvas, gate, view, shape) {
    const size = 160, axes = paint(canvas, gate, view, shape, size), context = canvas.getContext("2d");
    if (!shape) return;
    const along = (x, [low, high]) => ((x - low) / (high - low)) * size;
    context.strokeStyle = LINE[gate.state];
    context.lineWidth = 2;
    context.beginPath();
    for (const [axis, place] of cutsOf(shape, view)) {
      const p = along(place, axes[axis]);
      if (axis === 0) context.rect(p, -2, 0, size + 4);
      else context.rect(-2, size - p, size + 4, 0);
    }
    const outline = outlineOf(shape, view) || [];
    outline.forEach(([x, y], i) =>
      context[i ? "lineTo" : "moveTo"](along(x, axes[0]), size - along(y, axes[1])));
    if (outline.length) context.closePath();
    context.stroke();
  }

  // ---- what a person does ------------------------------------------------------------------
  const notes = new Map(); // comments on gates that have no decision yet
  function go(place, isTold) {
    at = Math.min(Math.max(place, 0), Math.max(order.length - 1, 0));
    chosen = -1;
    if (!isTold) say("");
    return render();
  }
  function changed() {
    isDirty = true;
    if (DATA.save) {
      clearTimeout(waiting);
      waiting = setTimeout(save, 400);
    }
  }
  let waiting = 0, savedText = "";
  const clean = (text) => text.replace(/[\t\r\n]+/g, " ").trim();
  function decide(gate, decision) {
    const reviewer = $("reviewer").value.trim();
    if (!INITIALS.test(reviewer)) {
      $("reviewer").focus();
      say("Write your initials first (letters and digits): every decision names who took it.");
      return false;
    }
    const key = keyOf(gate), points = pointsOf(gate), old = decisions.get(key);
    if (decision === "correct" && !points) {
      say("Move the gate first: drag it, or use the arrow keys.");
      return false;
    }
    const comment = clean(gate === here() && !isGrid ? $("comment").value : (old && old.comment) || "");
    decisions.set(key, {
      panel: DATA.panel, tube: tubeOf(gate).id, gate: gateName(gate), decision,
      place: decision === "correct" ? GateMath.formatPlace(points) : "", comment, reviewer,
      gate_digest: gate.digest,
    });
    moved.delete(key);
    notes.delete(key);
    changed();
    return true;
  }
  function decideHere(decision) {
    if (isGrid || !order.length) return;
    const gate = here();
    if (!decide(gate, decision)) return;
    say(`${gateName(gate)} in ${tubeOf(gate).id}: ${DONE[decision]}.`);
    if (decision !== "correct" && at + 1 < order.length) go(at + 1, true);
    else render();
  }
  function acceptAll() {
    if (!isGrid) return;
    const open = order.slice(at, at + PER_PAGE).map((index) => DATA.gates[index])
      .filter((gate) => !decisions.has(keyOf(gate)) && !moved.has(keyOf(gate)));
    for (const gate of open) if (!decide(gate, "accept")) return;
    say(`${open.length} gates accepted.`);
    if (at + PER_PAGE < order.length) at += PER_PAGE;
    render();
  }
  function undo() {
    if (isGrid || !order.length) return;
    const key = keyOf(here());
    if (!decisions.delete(key)) return;
    say("The decision was taken back.");
    changed();
    render();
  }
  function reset() {
    if (isGrid || !order.length) return;
    moved.delete(keyOf(here()));
    chosen = -1;
    render();
  }
  function choose(by) {
    const gate = here(), shape = shapeNow(gate);
    if (isGrid || !shape) return;
    const points = GateMath.placeOf(shape), n = points.length;
    if (n === 1) return;
    chosen = points[0].length === 1 ? (Math.max(chosen, 0) + 1) % 2 : ((chosen + 1 + by + n + 1) % (n + 1)) - 1;
    if (points[0].length === 2) say(chosen < 0 ? "The whole polygon moves." : `Corner ${chosen + 1} of ${n} moves.`);
    else say(chosen ? "The upper end moves." : "The lower end moves.");
    render();
  }
  function toggleGrid() {
    isGrid = !isGrid;
    render();
  }
  const step = (by) => go(at + by * (isGrid ? PER_PAGE : 1));
  async function save() {
    clearTimeout(waiting);
    if (moved.size) say(`${moved.size} moved gate(s) are not recorded yet: press c on them, or r to put them back.`);
    if (!DATA.save) {
      const link = document.createElement("a");
      link.href = URL.createObjectURL(new Blob([asText(rowsToSave(true))], { type: "text/tab-separated-values" }));
      link.download = "review.tsv";
      link.click();
      URL.revokeObjectURL(link.href);
      isDirty = false;
      savedText = `downloaded: put it at ${DATA.sheet}`;
    } else {
      const rows = rowsToSave(false), text = JSON.stringify(rows);
      let answer;
      try {
        answer = await fetch(DATA.save, { method: "POST", headers: { "Content-Type": "application/json" }, body: text });
      } catch {
        say("Not saved: itc review --serve is not running any more. Start it again; this page keeps your decisions.");
        return;
      }
      if (!answer.ok) {
        say(`Not saved: ${await answer.text()}`);
        return;
      }
      isDirty = JSON.stringify(rowsToSave(false)) !== text;
      savedText = `saved in ${DATA.sheet}`;
    }
    renderProgress();
  }
  function filter() {
    const wanted = { gate: $("by-gate").value, batch: $("by-batch").value, person: $("by-person").value, state: $("by-state").value, review: $("by-review").value };
    order = DATA.gates.map((_, i) => i).filter((i) => {
      const gate = DATA.gates[i], tube = tubeOf(gate), row = decisions.get(keyOf(gate));
      const review = row ? row.decision : gate.changed ? "changed" : "open";
      return (!wanted.gate || gateName(gate) === wanted.gate) && (!wanted.batch || tube.batch === wanted.batch) &&
        (!wanted.person || tube.person === wanted.person) && (!wanted.state || gate.state === wanted.state) &&
        (!wanted.review || review === wanted.review || (wanted.review === "open" && review === "changed"));
    });
    go(0);
  }

  // ---- pointer and keys --------------------------------------------------------------------
  let dragged = null;
  function dataAt(event) {
    const box = $("marks").getBoundingClientRect();
    const px = ((event.clientX - box.left) / box.width) * SIDE, py = ((event.clientY - box.top) / box.height) * SIDE;
    const [[x0, x1], [y0, y1]] = currentAxes;
    return [x0 + ((px - LEFT) / INNER) * (x1 - x0), y0 + ((TOP + INNER - py) / INNER) * (y1 - y0)];
  }
  $("marks").addEventListener("pointerdown", (event) => {
    const point = event.target.dataset.point;
    if (point === undefined) return;
    const gate = here(), shape = shapeNow(gate);
    chosen = Number(point);
    dragged = { gate, from: dataAt(event), axis: Number(event.target.dataset.axis), points: GateMath.placeOf(shape), swap: shape.markers[0] === currentView.y };
    event.preventDefault();
    $("plot").focus({ preventScroll: true });
    $("plot").setPointerCapture(event.pointerId);
  });
  $("plot").addEventListener("pointermove", (event) => {
    if (!dragged || dragged.gate !== here()) return;
    const to = dataAt(event), { points, from, axis, swap } = dragged;
    if (points[0].length === 1) {
      const x = Math.round(to[axis] * STEPS) / STEPS;
      move(dragged.gate, points.map((one, i) => (points.length === 1 || i === chosen ? [x] : one)));
      return;
    }
    const turn = ([x, y]) => (swap ? [y, x] : [x, y]);
    const by = turn([to[0] - from[0], to[1] - from[1]]), place = turn(to);
    move(dragged.gate, points.map((one, i) =>
      chosen < 0 ? [one[0] + by[0], one[1] + by[1]] : i === chosen ? place : one));
  });
  for (const name of ["pointerup", "pointercancel"]) $("plot").addEventListener(name, () => { dragged = null; });
  const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };
  const KEYS = {
    n: () => step(1), p: () => step(-1), a: () => decideHere("accept"), f: () => decideHere("flag"), c: () => decideHere("correct"),
    r: reset, u: undo, v: () => choose(1), V: () => choose(-1), g: toggleGrid, A: acceptAll, s: save, "?": toggleHelp,
    m: () => { if (!isGrid) $("comment").focus(); },
  };
  function toggleHelp() {
    $("help").hidden = !$("help").hidden;
    $("ask").setAttribute("aria-expanded", String(!$("help").hidden));
  }
  document.addEventListener("keydown", (event) => {
    const field = event.target.closest("input, textarea, select");
    if (field && event.key === "Escape") $("plot").focus();
    const isTyping = field && field.type !== "checkbox";
    if (isTyping || event.ctrlKey || event.metaKey || event.altKey || !$("keys").checked) return;
    const arrow = ARROWS[event.key];
    if (arrow && !isGrid && order.length) {
      event.preventDefault();
      moveBy(...arrow.map((by) => by * (event.shiftKey ? FAR : 1)));
    } else if (KEYS[event.key] && !(event.repeat && event.key !== "n" && event.key !== "p")) {
      event.preventDefault();
      KEYS[event.key]();
    }
  });
  const clicks = {
    save, ask: toggleHelp, accept: KEYS.a, flag: KEYS.f, correct: KEYS.c, reset, undo, previous: KEYS.p, next: KEYS.n,
    many: toggleGrid, single: toggleGrid, back: KEYS.p, on: KEYS.n, "accept-all": acceptAll,
  };
  for (const [id, action] of Object.entries(clicks)) $(id).addEventListener("click", () => action());
  $("filters").addEventListener("change", filter);
  $("filters").addEventListener("submit", (event) => event.preventDefault());
  $("comment").addEventListener("input", () => {
    const row = decisions.get(keyOf(here())), text = $("comment").value;
    if (!row) return notes.set(keyOf(here()), text);
    row.comment = clean(text);
    return changed();
  });
  $("open").addEventListener("change", async () => {
    const [file] = $("open").files, rows = file ? fromText(await file.text()) : null;
    if (!rows) return say("This is no sheet of reviews: its first line names other columns.");
    take(rows);
    isDirty = Boolean(DATA.save);
    if (DATA.save) changed();
    return filter();
  });
  window.addEventListener("beforeunload", (event) => { if (isDirty || moved.size) event.preventDefault(); });
  window.addEventListener("hashchange", goToAddress);
  function goToAddress() {
    const wanted = decodeURIComponent(location.hash.slice(1)).replace("/", "\t");
    const place = order.findIndex((index) => keyOf(DATA.gates[index]) === wanted);
    if (place >= 0) go(place);
  }
  const options = (id, names) => $(id).append(...names.map((name) => new Option(name.replace("_", " "), name)));
  options("by-gate", DATA.populations);
  for (const name of ["batch", "person"]) options(`by-${name}`, [...new Set(DATA.tubes.map((tube) => tube[name]))].filter(Boolean).sort());
  options("by-state", [...new Set(DATA.gates.map((gate) => gate.state))]);
  take(DATA.reviews);
  render().then(goToAddress);
})();
