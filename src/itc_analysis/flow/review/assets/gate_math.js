// Numbers of a gate: limits of a share, places as text, counts from histograms. No page in here.
// tests/flow/review/test_gate_math.py holds each function against the Python that it repeats.
const GateMath = (() => {
  "use strict";
  const CONFIDENCE = 0.95;
  const STEPS = 512; // of a profile per unit of the scale
  const LOWEST = -1, HIGHEST = 2; // no place lies further off the scale
  const FINE = 4; // points per side of a bin when a polygon is counted
  const SLACK = 1e-6; // events are put into bins by float32
  const FARTHEST = 1e3; // beyond every event

  // Lanczos's approximation (g = 7, n = 9).
  const LANCZOS = [
    0.99999999999980993, 676.5203681218851, -1259.1392167224028, 771.32342877765313,
    -176.61502916214059, 12.507343278686905, -0.13857109526572012, 9.9843695780195716e-6,
    1.5056327351493116e-7,
  ];
  function logGamma(x) {
    let sum = LANCZOS[0];
    for (let i = 1; i < LANCZOS.length; i++) sum += LANCZOS[i] / (x - 1 + i);
    const t = x + 6.5;
    return 0.5 * Math.log(2 * Math.PI) + (x - 0.5) * Math.log(t) - t + Math.log(sum);
  }

  // Regularised incomplete beta function by its continued fraction (modified Lentz).
  function betaInc(a, b, x) {
    if (x <= 0) return 0;
    if (x >= 1) return 1;
    if (x > (a + 1) / (a + b + 2)) return 1 - betaInc(b, a, 1 - x);
    const front = Math.exp(
      logGamma(a + b) - logGamma(a) - logGamma(b) + a * Math.log(x) + b * Math.log1p(-x),
    ) / a;
    const tiny = 1e-300;
    let c = 1, d = 1 - ((a + b) * x) / (a + 1);
    d = 1 / (Math.abs(d) < tiny ? tiny : d);
    let fraction = d;
    for (let m = 1; m < 20000; m++) {
      for (const term of [
        (m * (b - m) * x) / ((a + 2 * m - 1) * (a + 2 * m)),
        (-(a + m) * (a + b + m) * x) / ((a + 2 * m) * (a + 2 * m + 1)),
      ]) {
        d = 1 + term * d;
        d = 1 / (Math.abs(d) < tiny ? tiny : d);
        c = 1 + term / c;
        if (Math.abs(c) < tiny) c = tiny;
        fraction *= d * c;
      }
      if (Math.abs(d * c - 1) < 1e-15) break;
    }
    return front * fraction;
  }

  // The x of which betaInc(a, b, x) is p: halved on the logit scale, where small shares keep digits.
  function betaIncInv(a, b, p) {
    let low = -60, high = 60;
    for (let i = 0; i < 80; i++) {
      const middle = (low + high) / 2;
      if (betaInc(a, b, 1 / (1 + Math.exp(-middle))) < p) low = middle;
      else high = middle;
    }
    return 1 / (1 + Math.exp(-(low + high) / 2));
  }

  // Exact limits of a count among the parent's events (Clopper and Pearson 1934), in events.
  function countLimits(n, total) {
    const outside = (1 - CONFIDENCE) / 2;
    const low = n === 0 ? 0 : betaIncInv(n, total - n + 1, outside);
    const high = n === total ? 1 : betaIncInv(n + 1, total - n, 1 - outside);
    return [low * total, high * total];
  }

  function parsePlace(text) {
    return text.replace(/^[ ;]+|[ ;]+$/g, "").split(";")
      .map((part) => part.trim().split(/\s+/).map(Number));
  }

  // A place as the sheet of reviews holds it: steps of 1/512 are written in full.
  function formatPlace(points) {
    const number = (x) => String(Number(x.toFixed(9)));
    return points.map((point) => point.map(number).join(" ")).join("; ");
  }

  // The points by which a gate is moved: a cut, the two ends of a range, the corners of a polygon.
  function placeOf(shape) {
    if (shape.kind === "threshold" || shape.kind === "all_above") return [[shape.cut]];
    if (shape.kind === "polygon") return shape.vertices.map((point) => [...point]);
    const open = (bound, end) => (bound === null ? end : bound);
    if (shape.kind === "rectangle") {
      const low = shape.lowest.map((bound) => open(bound, LOWEST));
      const high = shape.highest.map((bound) => open(bound, HIGHEST));
      if (low.length === 1) return [low, high];
      return [[low[0], low[1]], [high[0], low[1]], [high[0], high[1]], [low[0], high[1]]];
    }
    return ellipseCorners(shape, 24);
  }

  // Corners of a polygon of the ellipse's own area, in the order of its markers.
  function ellipseCorners(shape, n) {
    const [[a, b], [, c]] = shape.covariance;
    const grow = Math.sqrt(2 * Math.PI / (n * Math.sin(2 * Math.PI / n)));
    const radius = Math.sqrt(shape.distance_square) * grow;
    const l11 = Math.sqrt(a), l21 = b / l11, l22 = Math.sqrt(c - l21 * l21);
    return Array.from({ length: n }, (_, i) => {
      const angle = (2 * Math.PI * i) / n;
      const x = Math.cos(angle) * radius, y = Math.sin(angle) * radius;
      return [shape.centre[0] + l11 * x, shape.centre[1] + l21 * x + l22 * y];
    });
  }

  // The gate at another place; the same kind, but that ellipses and rectangles become polygons.
  function movedTo(shape, points) {
    if (points[0].length === 2) return { kind: "polygon", markers: shape.markers, vertices: points };
    if (points.length === 1) return { ...shape, cut: points[0][0] };
    return { kind: "rectangle", markers: shape.markers, lowest: points[0], highest: points[1] };
  }

  function inPolygon(vertices, x, y) {
    let inside = false;
    for (let i = 0, j = vertices.length - 1; i < vertices.length; j = i++) {
      const [xi, yi] = vertices[i], [xj, yj] = vertices[j];
      if (yi > y !== yj > y && x < ((xj - xi) * (y - yi)) / (yj - yi) + xi) inside = !inside;
    }
    return inside;
  }

  // Whether a point of a view lies in a gate, as far as the view's markers tell; `at` by marker.
  function contains(shape, at) {
    if (shape.kind === "threshold") {
      return (at[shape.markers[0]] >= shape.cut) === (shape.side === "above");
    }
    const values = shape.markers.map((marker) => at[marker]);
    if (shape.kind === "all_above") {
      return values.every((value) => value === undefined || value >= shape.cut);
    }
    if (shape.kind === "rectangle") {
      return values.every((value, i) =>
        (shape.lowest[i] === null || value >= shape.lowest[i]) &&
        (shape.highest[i] === null || value < shape.highest[i]));
    }
    if (shape.kind === "polygon") return inPolygon(shape.vertices, values[0], values[1]);
    const [[a, b], [, c]] = shape.covariance, determinant = a * c - b * b;
    const x = values[0] - shape.centre[0], y = values[1] - shape.centre[1];
    return (c * x * x - 2 * b * x * y + a * y * y) / determinant <= shape.distance_square;
  }

  // Events at or above a place, from a profile; exact where the place is a step.
  function countAbove(profile, cut) {
    const from = Math.ceil(cut * STEPS - 1e-9) - profile.first;
    let n = 0;
    for (let i = Math.max(from, 0); i < profile.counts.length; i++) n += profile.counts[i];
    return n;
  }

  // Whether a segment passes through a box, edges included (Liang and Barsky 1984).
  function crosses([ax, ay], [bx, by], [x0, x1, y0, y1]) {
    let from = 0, to = 1;
    for (const [step, room] of [
      [ax - bx, ax - x0], [bx - ax, x1 - ax], [ay - by, ay - y0], [by - ay, y1 - ay],
    ]) {
      if (step === 0) {
        if (room < 0) return false;
      } else if (step < 0) from = Math.max(from, room / step);
      else to = Math.min(to, room / step);
    }
    return from <= to;
  }

  // Smallest value of an ellipse's quadratic form over a box: 0 with its centre within, else on a side.
  function nearest(shape, [x0, x1, y0, y1]) {
    const [[a, b], [, c]] = shape.covariance, determinant = a * c - b * b;
    const [cx, cy] = shape.centre, clamp = (v, low, high) => Math.min(Math.max(v, low), high);
    const form = (x, y) => (c * (x - cx) ** 2 - 2 * b * (x - cx) * (y - cy) + a * (y - cy) ** 2) / determinant;
    if (cx >= x0 && cx <= x1 && cy >= y0 && cy <= y1) return 0;
    return Math.min(
      ...[x0, x1].map((x) => form(x, clamp(cy + (b / a) * (x - cx), y0, y1))),
      ...[y0, y1].map((y) => form(clamp(cx + (b / c) * (y - cy), x0, x1), y)),
    );
  }

  // A box of the view is whole in a gate of two markers (1), whole outside (0), or cut by its edge
  // (0.5); the box is given in the order of the gate's markers.
  function covers(shape, box) {
    const [x0, x1, y0, y1] = box, corners = [[x0, y0], [x1, y0], [x1, y1], [x0, y1]];
    if (shape.kind === "polygon") {
      const ends = shape.vertices;
      const isCut = ends.some((end, i) => crosses(ends[(i + ends.length - 1) % ends.length], end, box));
      if (isCut) return 0.5;
      return inPolygon(ends, (x0 + x1) / 2, (y0 + y1) / 2) ? 1 : 0;
    }
    if (shape.kind === "rectangle") {
      const low = shape.lowest.map((v) => v ?? -Infinity), high = shape.highest.map((v) => v ?? Infinity);
      if (x1 < low[0] || x0 > high[0] || y1 < low[1] || y0 > high[1]) return 0;
      return x0 >= low[0] && x1 < high[0] && y0 >= low[1] && y1 < high[1] ? 1 : 0.5;
    }
    const at = ([x, y]) => ({ [shape.markers[0]]: x, [shape.markers[1]]: y });
    if (corners.every((corner) => contains(shape, at(corner)))) return 1;
    return nearest(shape, box) > shape.distance_square ? 0 : 0.5;
  }

  // Events of a view inside a gate: `n` with each bin's events spread evenly over it, and `least`
  // and `most`, between which the number lies wherever in the bins on the edge the events are. The
  // outermost bins hold all events beyond them.
  function countInside(view, shape) {
    const [nx, ny] = view.shape, [[x0, x1], [y0, y1]] = [view.spans[0], view.spans[1] || [0, 1]];
    const wx = (x1 - x0) / nx, wy = (y1 - y0) / ny, at = {};
    const swap = shape.markers[0] === view.y;
    let n = 0, least = 0, most = 0;
    for (let i = 0; i < nx; i++) {
      for (let j = 0; j < ny; j++) {
        const events = view.counts[i * ny + j];
        if (!events) continue;
        const x = [i === 0 ? -FARTHEST : x0 + i * wx - SLACK, i === nx - 1 ? FARTHEST : x0 + (i + 1) * wx + SLACK];
        const y = [j === 0 ? -FARTHEST : y0 + j * wy - SLACK, j === ny - 1 ? FARTHEST : y0 + (j + 1) * wy + SLACK];
        const part = covers(shape, swap ? [...y, ...x] : [...x, ...y]);
        if (part === 0) continue;
        most += events;
        if (part === 1) {
          least += events;
          n += events;
          continue;
        }
        let inside = 0;
        for (let k = 0; k < FINE * FINE; k++) {
          at[view.x] = x0 + (i + (Math.floor(k / FINE) + 0.5) / FINE) * wx;
          at[view.y] = y0 + (j + ((k % FINE) + 0.5) / FINE) * wy;
          if (contains(shape, at)) inside++;
        }
        n += (events * inside) / (FINE * FINE);
      }
    }
    return { n: Math.round(n), least, most };
  }

  // Events of a gate: `n`, and `least` and `most` between which the exact number lies; null where the
  // view cannot tell.
  function countGate(view, shape) {
    const isCut = shape.kind === "threshold" || shape.kind === "all_above";
    if (isCut && view.profile) {
      const above = countAbove(view.profile, shape.cut);
      const total = view.profile.counts.reduce((sum, n) => sum + n, 0);
      const own = shape.side === "below" ? total - above : above;
      return between(own, view.profile, [shape.cut]);
    }
    const range = shape.kind === "rectangle" && shape.markers.length === 1;
    if (range && view.profile) {
      const [low, high] = [shape.lowest[0], shape.highest[0]];
      const n = countAbove(view.profile, low) - countAbove(view.profile, high);
      return between(n, view.profile, [low, high]);
    }
    if (!shape.markers.every((marker) => marker === view.x || marker === view.y)) return null;
    return countInside(view, shape);
  }

  // A number from a profile: exact where each place is a step, else within the step's events.
  function between(n, profile, places) {
    let open = 0;
    for (const place of places) {
      if (!Number.isInteger(place * STEPS)) open += profile.counts[Math.floor(place * STEPS) - profile.first] || 0;
    }
    return { n, least: Math.max(n - open, 0), most: n + open };
  }

  return {
    STEPS, LOWEST, HIGHEST, betaInc, betaIncInv, contains, countAbove, countGate, countLimits,
    formatPlace, movedTo, parsePlace, placeOf,
  };
})();
