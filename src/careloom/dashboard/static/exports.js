/* What a panel gives away: its figure or table as a picture (SVG, PNG), its table as CSV. All made in the browser. */
(function () {
  "use strict";
  var MOST_ROWS = 60; // of a table in a picture; CSV has all that the page shows
  var LONGEST = 44; // letters of a cell in a picture
  var PAPER = "#ffffff", INK = "#14212b", SOFT = "#4c5d6a", LINE = "#dfe5e9";
  var FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, Arial, sans-serif";

  function words(node) { return (node.textContent || "").replace(/\s+/g, " ").trim(); }
  function escaped(text) { return text.replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;").replace(/"/g, "&quot;"); }

  /* ---- what a panel holds: {caption, head, rows} of each table or list of facts ---- */

  function tableOf(table) {
    function cells(row) { return Array.prototype.map.call(row.cells, words); }
    var rows = Array.prototype.map.call(table.tBodies.length ? table.tBodies[0].rows : [], cells);
    var head = table.tHead && table.tHead.rows.length ? cells(table.tHead.rows[0]) : [];
    var kept = head.map(function (_, at) { return rows.some(function (row) { return row[at]; }) || !rows.length; });
    function keep(row) { return row.filter(function (_, at) { return kept[at] !== false; }); }
    return { caption: table.caption ? words(table.caption) : "", head: keep(head), rows: rows.map(keep) };
  }
  function factsOf(list) {
    var rows = Array.prototype.map.call(list.querySelectorAll("dt"), function (name) {
      var said = [], next = name.nextElementSibling;
      for (; next && next.tagName === "DD"; next = next.nextElementSibling) { said.push(words(next)); }
      return [words(name), said.join("; ")];
    });
    return { caption: "", head: ["Name", "Value"], rows: rows };
  }
  function contentOf(panel) {
    var found = Array.prototype.map.call(panel.querySelectorAll("table"), tableOf);
    return found.concat(Array.prototype.map.call(panel.querySelectorAll("dl"), factsOf)).filter(function (each) { return each.rows.length; });
  }

  /* ---- CSV by RFC 4180; no cell begins as a formula would (OWASP: CSV injection) ---- */

  function cell(text) {
    var plain = /^[=+\-@\t\r]/.test(text) && !/^[+\-]?[\d.,\s%]+$/.test(text) ? "'" + text : text;
    return /[",\r\n]/.test(plain) ? '"' + plain.replace(/"/g, '""') + '"' : plain;
  }
  function csv(tables) {
    return tables.map(function (each) {
      return [each.head].concat(each.rows).map(function (row) { return row.map(cell).join(","); }).join("\r\n");
    }).join("\r\n\r\n") + "\r\n";
  }

  /* ---- pictures ---- */

  function short(text) { return text.length > LONGEST ? text.slice(0, LONGEST - 1) + "…" : text; }
  function line(x, y, text, size, colour, more) {
    return '<text x="' + x + '" y="' + y + '" font-size="' + size + '" fill="' + colour + '"' + (more || "") + ">" + escaped(text) + "</text>";
  }
  function tablePicture(table, width, top) {
    var pen = document.createElement("canvas").getContext("2d"), drawn = [], y = top, x = 24, starts = [], ends = [];
    pen.font = "13px " + FONT;
    var shown = table.rows.slice(0, MOST_ROWS).map(function (row) { return row.map(short); });
    var isNumber = table.head.map(function (_, at) { return shown.every(function (row) { return !row[at] || /^[<>≤≥–\-+]?\s?[\d.,]+( ?%)?$/.test(row[at]); }); });
    table.head.forEach(function (title, at) {
      var widest = Math.max.apply(null, shown.map(function (row) { return pen.measureText(row[at] || "").width; }).concat([1.12 * pen.measureText(title).width]));
      starts.push(x); x += Math.ceil(widest) + 26; ends.push(x - 26);
    });
    function row(texts, colour, more) {
      texts.forEach(function (text, at) {
        drawn.push(line(isNumber[at] && at ? ends[at] : starts[at], y, text, 13, colour, (more || "") + (isNumber[at] && at ? ' text-anchor="end"' : "")));
      });
      y += 8;
      drawn.push('<line x1="24" x2="' + (x - 26) + '" y1="' + y + '" y2="' + y + '" stroke="' + LINE + '"/>');
      y += 19;
    }
    if (table.caption) { drawn.push(line(24, y, table.caption, 12, SOFT)); y += 24; }
    row(table.head, SOFT, ' font-weight="600"');
    shown.forEach(function (each) { row(each, INK); });
    var left = table.rows.length - shown.length;
    if (left > 0) { drawn.push(line(24, y, left + " more rows: see the CSV", 12, SOFT)); y += 22; }
    return { text: drawn.join(""), width: Math.max(width, x), bottom: y + 10 };
  }
  function figurePicture(plot) {
    var box = plot.getBoundingClientRect(), width = Math.round(box.width), height = Math.round(box.height);
    var layout = JSON.parse(JSON.stringify(plot.layout));
    layout.paper_bgcolor = PAPER; layout.plot_bgcolor = PAPER;
    layout.font = Object.assign({}, layout.font, { color: INK });
    return window.Plotly.toImage({ data: plot.data, layout: layout, config: { staticPlot: true } }, { format: "svg", width: width, height: height, imageDataOnly: true })
      .then(function (svg) { return { svg: svg, width: width, height: height }; });
  }
  function picture(panel, title) {
    var plots = Array.prototype.filter.call(panel.querySelectorAll(".js-plotly-plot"), function (plot) { return plot.data; });
    return Promise.all(plots.map(figurePicture)).then(function (figures) {
      var width = 640, y = 64, inside = "";
      figures.forEach(function (each) {
        inside += '<g transform="translate(16,' + y + ')">' + each.svg.replace(/^<\?xml[^>]*>/, "") + "</g>";
        width = Math.max(width, each.width + 32); y += each.height + 12;
      });
      if (!figures.length) {
        contentOf(panel).forEach(function (table) {
          var made = tablePicture(table, width, y);
          inside += made.text; width = made.width; y = made.bottom;
        });
      }
      var foot = document.title.replace(" – ", ", ") + ", " + new Date().toISOString().slice(0, 16).replace("T", " ") + " UTC";
      return {
        width: width, height: y + 30,
        text: '<svg xmlns="http://www.w3.org/2000/svg" width="' + width + '" height="' + (y + 30) + '" font-family="' + FONT.replace(/'/g, "") + '"><rect width="100%" height="100%" fill="' + PAPER + '"/>' +
          line(24, 38, title, 18, INK, ' font-weight="600"') + inside + line(24, y + 14, foot, 11, SOFT) + "</svg>"
      };
    });
  }
  function png(drawn) {
    return new Promise(function (done, failed) {
      var image = new Image(), scale = 2;
      image.onerror = function () { failed(new Error("the picture could not be drawn")); };
      image.onload = function () {
        var canvas = document.createElement("canvas");
        canvas.width = drawn.width * scale; canvas.height = drawn.height * scale;
        canvas.getContext("2d").drawImage(image, 0, 0, canvas.width, canvas.height);
        canvas.toBlob(function (blob) { if (blob) { done(blob); } else { failed(new Error("the picture is too large")); } }, "image/png");
      };
      image.src = "data:image/svg+xml;charset=utf-8," + encodeURIComponent(drawn.text);
    });
  }

  /* ---- the menu of a panel ---- */

  function save(blob, name) {
    var link = document.createElement("a");
    link.href = URL.createObjectURL(blob);
    link.download = name;
    link.target = "_self";
    document.body.appendChild(link);
    link.click();
    link.remove();
    window.setTimeout(function () { URL.revokeObjectURL(link.href); }, 10000);
  }
  function nameOf(title) { return "careloom-" + title.toLowerCase().replace(/[^a-z0-9]+/g, "-").replace(/^-|-$/g, ""); }
  function give(panel, kind) {
    var title = words(panel.querySelector("h2") || panel), name = nameOf(title);
    if (kind === "csv") {
      save(new Blob(["\ufeff" + csv(contentOf(panel))], { type: "text/csv;charset=utf-8" }), name + ".csv");
      return Promise.resolve();
    }
    return picture(panel, title).then(function (drawn) {
      if (kind === "svg") { save(new Blob([drawn.text], { type: "image/svg+xml" }), name + ".svg"); return null; }
      return png(drawn).then(function (blob) { save(blob, name + ".png"); });
    });
  }
  function say(text) {
    var place = document.getElementById("announce");
    if (place) { place.textContent = text; }
  }
  document.addEventListener("click", function (event) {
    var button = event.target.closest("[data-export]");
    document.querySelectorAll("details.export[open]").forEach(function (menu) {
      if (button || !menu.contains(event.target)) { menu.open = false; }
    });
    if (!button) { return; }
    var panel = button.closest(".card"), menu = button.closest("details");
    give(panel, button.dataset.export).then(
      function () { say("Saved as " + button.dataset.export.toUpperCase()); },
      function () { say("This could not be saved as " + button.dataset.export.toUpperCase() + "; try another kind"); }
    );
    if (menu) { menu.querySelector("summary").focus(); }
  });
  document.addEventListener("keydown", function (event) {
    var menu = event.key === "Escape" && event.target.closest && event.target.closest("details.export[open]");
    if (menu) { menu.open = false; menu.querySelector("summary").focus(); }
  });
})();
