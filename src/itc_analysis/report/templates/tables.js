"use strict";
// Tables: sort by a column, filter the rows, save as TSV or XLSX. Nothing is loaded or sent.
const words = JSON.parse(document.getElementById("script-words").textContent);

function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name in element && typeof value !== "string") element[name] = value;
    else element.setAttribute(name, value);
  }
  element.append(...children);
  return element;
}

function fill(text, parts) {
  return text.replace(/\{(\w+)\}/g, (whole, name) => (name in parts ? parts[name] : whole));
}

// The number that a cell is sorted by: the first one, of "0.19 (0.09 to 0.39)" 0.19; null for none.
function leadingNumber(text) {
  const plain = text.replace(/\u2212/g, "-").replace(/(\d),(?=\d{3})/g, "$1");
  const found = plain.match(/^[<>≤≥\s]*([-+]?\d+(\.\d+)?)/);
  if (!found) return null;
  return Number(found[1]) + (/^\s*</.test(plain) ? -1e-9 : /^\s*>/.test(plain) ? 1e-9 : 0);
}

// A cell as a program may read it: a plain number without separators, else the text as it is shown.
function plainNumber(text) {
  const plain = text.replace(/\u2212/g, "-").replace(/(\d),(?=\d{3})/g, "$1");
  return /^-?\d+(\.\d+)?$/.test(plain) ? plain : null;
}

// A text that a spreadsheet would take for a formula is kept a text by an apostrophe before it.
function harmless(text) {
  return /^[=+\-@\t\r\u2212]/.test(text) ? "'" + text : text;
}

function textOf(cell) {
  return cell.textContent.replace(/\s+/g, " ").trim();
}

function shownRows(table) {
  return [...table.tBodies[0].rows].filter((row) => !row.hidden);
}

function cellsOf(table) {
  const head = [...table.tHead.rows[0].cells].map(textOf);
  return [head, ...shownRows(table).map((row) => [...row.cells].map(textOf))];
}

function asTsv(rows) {
  const cell = (text) => plainNumber(text) ?? harmless(text);
  return rows.map((row) => row.map(cell).join("\t")).join("\r\n") + "\r\n";
}

const CRC = new Uint32Array(256).map((_, n) => {
  for (let k = 0; k < 8; k += 1) n = n & 1 ? 0xedb88320 ^ (n >>> 1) : n >>> 1;
  return n >>> 0;
});

function crc32(bytes) {
  let sum = 0xffffffff;
  for (const byte of bytes) sum = CRC[(sum ^ byte) & 255] ^ (sum >>> 8);
  return (sum ^ 0xffffffff) >>> 0;
}

// A zip archive without compression (APPNOTE 6.3.3): local headers, then the directory.
function zipped(files) {
  const encoder = new TextEncoder();
  const parts = [];
  const directory = [];
  let offset = 0;
  for (const [path, text] of Object.entries(files)) {
    const name = encoder.encode(path);
    const data = encoder.encode(text);
    const common = new DataView(new ArrayBuffer(26));
    common.setUint16(0, 20, true); // version needed
    common.setUint16(2, 0x0800, true); // names in UTF-8
    common.setUint16(8, 0x21, true); // 1 January 1980: the same table gives the same bytes
    common.setUint32(10, crc32(data), true);
    common.setUint32(14, data.length, true);
    common.setUint32(18, data.length, true);
    common.setUint16(22, name.length, true);
    parts.push(new Uint8Array([0x50, 0x4b, 3, 4]), new Uint8Array(common.buffer), name, data);
    const rest = new DataView(new ArrayBuffer(14));
    rest.setUint32(10, offset, true);
    directory.push(new Uint8Array([0x50, 0x4b, 1, 2, 20, 0]), new Uint8Array(common.buffer));
    directory.push(new Uint8Array(rest.buffer), name);
    offset += 30 + name.length + data.length;
  }
  const size = directory.reduce((sum, part) => sum + part.length, 0);
  const end = new DataView(new ArrayBuffer(22));
  end.setUint32(0, 0x06054b50, true);
  end.setUint16(8, Object.keys(files).length, true);
  end.setUint16(10, Object.keys(files).length, true);
  end.setUint32(12, size, true);
  end.setUint32(16, offset, true);
  return new Blob([...parts, ...directory, new Uint8Array(end.buffer)]);
}

function escaped(text) {
  // control characters have no place in XML 1.0
  return text
    .replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f]/g, "")
    .replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;");
}

function asXlsx(rows) {
  const cell = (text) => {
    const number = plainNumber(text);
    if (number !== null && number.length < 16) return `<c><v>${number}</v></c>`;
    return `<c t="inlineStr"><is><t xml:space="preserve">${escaped(harmless(text))}</t></is></c>`;
  };
  const sheet = rows.map((row) => `<row>${row.map(cell).join("")}</row>`).join("");
  const head = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>';
  const main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main";
  const office = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";
  const packaged = "http://schemas.openxmlformats.org/package/2006";
  const kind = "application/vnd.openxmlformats-officedocument.spreadsheetml";
  return zipped({
    "[Content_Types].xml": `${head}<Types xmlns="${packaged}/content-types"><Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/><Override PartName="/xl/workbook.xml" ContentType="${kind}.sheet.main+xml"/><Override PartName="/xl/worksheets/sheet1.xml" ContentType="${kind}.worksheet+xml"/></Types>`,
    "_rels/.rels": `${head}<Relationships xmlns="${packaged}/relationships"><Relationship Id="rId1" Type="${office}/officeDocument" Target="xl/workbook.xml"/></Relationships>`,
    "xl/workbook.xml": `${head}<workbook xmlns="${main}" xmlns:r="${office}"><sheets><sheet name="Table" sheetId="1" r:id="rId1"/></sheets></workbook>`,
    "xl/_rels/workbook.xml.rels": `${head}<Relationships xmlns="${packaged}/relationships"><Relationship Id="rId1" Type="${office}/worksheet" Target="worksheets/sheet1.xml"/></Relationships>`,
    "xl/worksheets/sheet1.xml": `${head}<worksheet xmlns="${main}"><sheetData>${sheet}</sheetData></worksheet>`,
  });
}

function save(blob, name) {
  const address = URL.createObjectURL(blob);
  make("a", { href: address, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(address), 10000);
}

function sortBy(table, place, header) {
  const goesUp = header.getAttribute("aria-sort") !== "ascending";
  for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
  header.setAttribute("aria-sort", goesUp ? "ascending" : "descending");
  const keyed = [...table.tBodies[0].rows].map((row) => {
    const text = textOf(row.cells[place]);
    return { row, text, number: leadingNumber(text), isEmpty: text === "" || text === "–" };
  });
  const full = keyed.filter((each) => !each.isEmpty);
  const isNumeric = full.filter((each) => each.number !== null).length > 0.5 * full.length;
  const compare = (a, b) => {
    if (a.isEmpty !== b.isEmpty) return a.isEmpty ? 1 : -1; // what is not there comes last
    if (isNumeric && (a.number === null) !== (b.number === null)) return a.number === null ? 1 : -1;
    const order = isNumeric && a.number !== null
      ? a.number - b.number
      : a.text.localeCompare(b.text, document.documentElement.lang, { numeric: true });
    return goesUp ? order : -order;
  };
  table.tBodies[0].append(...keyed.sort(compare).map((each) => each.row));
}

function filterRows(table, text, told) {
  const asked = text.toLowerCase().split(/\s+/).filter(Boolean);
  const rows = [...table.tBodies[0].rows];
  for (const row of rows) {
    const whole = asked.length ? row.textContent.toLowerCase() : "";
    row.hidden = !asked.every((word) => whole.includes(word));
  }
  const shown = rows.filter((row) => !row.hidden).length;
  told.textContent = asked.length ? fill(words.rows, { shown, all: rows.length }) : "";
}

const FEWEST_TO_FILTER = 6;

function equip(box, number) {
  const table = box.querySelector("table");
  const section = box.closest("section");
  const name = `${section ? section.id : "table"}-${number + 1}`;
  const bar = make("div", { class: "tools" });
  if (table.tBodies[0].rows.length >= FEWEST_TO_FILTER) {
    const told = make("span", { role: "status" });
    const input = make("input", { type: "search", placeholder: words.filter, "aria-label": words.filter });
    input.addEventListener("input", () => filterRows(table, input.value, told));
    bar.append(input, told);
  }
  for (const [kind, of] of [["TSV", (rows) => new Blob([asTsv(rows)])], ["XLSX", asXlsx]]) {
    const button = make("button", { type: "button", "aria-label": fill(words.save, { kind }) }, kind);
    button.addEventListener("click", () => save(of(cellsOf(table)), `${name}.${kind.toLowerCase()}`));
    bar.append(button);
  }
  box.before(bar);
  [...table.tHead.rows[0].cells].forEach((header, place) => {
    const button = make("button", { type: "button", title: words.sort });
    button.append(...header.childNodes);
    header.append(button);
    button.addEventListener("click", () => sortBy(table, place, header));
  });
}

document.querySelectorAll(".scroll").forEach(equip);
