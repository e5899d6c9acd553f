// The gate behind a point: its tile of the population's image, with the gate's edges over it.
const GATE_SIDE = 168, GATE_LEFT = 44, GATE_BELOW = 34;
let drawnGates = null;

function draw(name, attributes = {}, text = "") {
  const element = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  if (text) element.textContent = text;
  return element;
}

// Returns the picture and what is said of the gate; null for a number that has none.
function gateOf(population, tube) {
  drawnGates ??= JSON.parse(document.getElementById("gate-tiles").textContent);
  const known = drawnGates[population];
  if (!known || !(tube in known.tubes)) return null;
  const [place, number, told, span, cuts, outlines] = known.tubes[tube];
  const sheet = known.sheets[place];
  const markers = sheet.axes.map((axis) => axis.name).join(" / ");
  const label = fill(words.drawn, { population: known.name, tube, markers });
  const x = (share) => share * GATE_SIDE;
  const y = (share) => (1 - share) * GATE_SIDE;
  const plot = draw("svg", { width: GATE_SIDE, height: GATE_SIDE });
  plot.append(tileOf(sheet, number, span, x, y), ...cuts.flatMap((cut) => linesOf(cut, x, y)));
  for (const [flat, colour] of outlines) {
    const points = [];
    for (let i = 0; i < flat.length; i += 2) points.push(`${x(flat[i])},${y(flat[i + 1])}`);
    plot.append(draw("polyline", { points: points.join(" "), stroke: colour }));
  }
  const width = GATE_LEFT + GATE_SIDE + 10;
  const picture = draw("svg", {
    class: "gate", role: "img", "aria-label": label, width, height: GATE_SIDE + GATE_BELOW + 6,
    viewBox: `${-GATE_LEFT} -6 ${width} ${GATE_SIDE + GATE_BELOW + 6}`,
  });
  picture.append(plot, draw("rect", { class: "frame", width: GATE_SIDE, height: GATE_SIDE }));
  picture.append(...sheet.axes.flatMap((axis, i) => axisOf(axis, i, x, y)));
  return { picture, told };
}

function tileOf(sheet, number, [left, right, low, high], x, y) {
  const [width, height] = sheet.tile;
  const column = number % sheet.columns, row = Math.floor(number / sheet.columns);
  const tile = draw("svg", {
    x: x(left), y: y(high), width: x(right) - x(left), height: y(low) - y(high),
    viewBox: `${column * width} ${row * height} ${width} ${height}`, preserveAspectRatio: "none",
  });
  const [whole, tall] = sheet.size;
  tile.append(draw("image", { width: whole, height: tall, href: `data:image/png;base64,${sheet.png}` }));
  return tile;
}

// A cut, the band of its error, and dotted the place where the tube alone would have cut.
function linesOf([axis, at, reach, own, colour], x, y) {
  const place = axis === 0 ? x : y;
  const across = (share, look) => draw("line", axis === 0
    ? { x1: x(share), x2: x(share), y1: 0, y2: GATE_SIDE, ...look }
    : { y1: y(share), y2: y(share), x1: 0, x2: GATE_SIDE, ...look });
  const found = [];
  if (reach) {
    const [from, to] = [place(at - reach), place(at + reach)].sort((a, b) => a - b);
    const box = axis === 0
      ? { x: from, width: to - from, y: 0, height: GATE_SIDE }
      : { y: from, height: to - from, x: 0, width: GATE_SIDE };
    found.push(draw("rect", { class: "band", fill: colour, ...box }));
  }
  if (own !== null) found.push(across(own, { class: "own" }));
  return [...found, across(at, { stroke: colour })];
}

function axisOf(axis, i, x, y) {
  const middle = GATE_SIDE / 2;
  const name = i === 0
    ? draw("text", { x: middle, y: GATE_SIDE + 27, "text-anchor": "middle", class: "name" }, axis.name)
    : draw("text", {
      transform: `translate(${10 - GATE_LEFT} ${middle}) rotate(-90)`, "text-anchor": "middle",
      class: "name",
    }, axis.name);
  const marks = axis.ticks.map(([share, label]) => (i === 0
    ? draw("text", { x: x(share), y: GATE_SIDE + 12, "text-anchor": "middle" }, label)
    : draw("text", { x: -4, y: y(share) + 3, "text-anchor": "end" }, label)));
  return [name, ...marks];
}
