/* Search and keys: dialogs that open over a page, letters that lead to places, arrows within results, the report's address. */
(function () {
  "use strict";
  var LETTERS = "careloom-letters"; // "off" where somebody turned keys of one letter off (WCAG 2.2, 2.1.4)
  var WAIT = 1500; // milliseconds between G and its letter
  var goes = 0, opener = null;

  function kept() { try { return window.localStorage.getItem(LETTERS) !== "off"; } catch (error) { return true; } }
  function keep(on) { try { window.localStorage.setItem(LETTERS, on ? "on" : "off"); } catch (error) { /* for this page only */ } }
  function byId(id) { return document.getElementById(id); }
  function isTyping(target) { return target.closest && target.closest("input:not([type=checkbox]):not([type=radio]), textarea, select, [contenteditable=true]"); }

  function open(id) {
    var dialog = byId(id);
    if (!dialog || dialog.open) { return; }
    document.querySelectorAll("dialog[open]").forEach(function (other) { other.close(); });
    opener = document.activeElement;
    dialog.showModal();
    if (id === "keys") { letters(kept()); }
    var field = dialog.querySelector("input");
    if (field) { field.focus(); }
  }
  function close(dialog) {
    dialog.close();
    if (opener && opener.isConnected) { opener.focus(); }
  }
  function letters(on) {
    var button = document.querySelector("[data-action='letters']");
    if (!button) { return; }
    button.setAttribute("aria-pressed", String(on));
    button.textContent = "Keys of one letter: " + (on ? "on" : "off");
  }

  /* Emptied once it is left, not when it opens: by then somebody types. */
  document.addEventListener("close", function (event) {
    var field = event.target.id === "finder" && byId("find-all");
    if (field && field.value && window.dash_clientside.set_props) { window.dash_clientside.set_props("find-all", { value: "" }); }
  }, true);

  document.addEventListener("click", function (event) {
    var acted = event.target.closest("[data-action]"), action = acted && acted.dataset.action;
    var dialog = event.target.closest("dialog");
    if (action === "find") { open("finder"); }
    if (action === "keys") { open("keys"); }
    if (action === "letters") { keep(!kept()); letters(kept()); }
    if (dialog && (action === "close" || event.target === dialog)) { close(dialog); }
    if (dialog && event.target.closest("a[href]")) { dialog.close(); }
    var report = event.target.closest("[data-report]");
    if (report) {
      report.href = report.dataset.report + "?at=" + encodeURIComponent(window.location.pathname.replace(/^\/dashboard\/?/, "") + window.location.search);
    }
  }, true);

  /* ---- within results: arrows move, the field is left and found again ---- */

  function among(event, links) {
    var step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (!step || !links.length) { return; }
    event.preventDefault();
    var at = Array.prototype.indexOf.call(links, document.activeElement) + step;
    if (at < 0) { byId("find-all").focus(); } else if (at < links.length) { links[at].focus(); }
  }

  document.addEventListener("keydown", function (event) {
    var finder = byId("finder");
    if (event.key.toLowerCase() === "k" && (event.ctrlKey || event.metaKey) && !event.altKey && !event.shiftKey) {
      event.preventDefault();
      open("finder");
      return;
    }
    if (finder && finder.open) {
      var links = finder.querySelectorAll(".finder-results a[href]");
      if (event.key === "Enter" && event.target.id === "find-all" && links.length) { event.preventDefault(); links[0].click(); return; }
      among(event, links);
      return;
    }
    if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target) || document.querySelector("dialog[open]") || !kept()) { return; }
    if (event.key === "/") { event.preventDefault(); open("finder"); return; }
    if (event.key === "?") { event.preventDefault(); open("keys"); return; }
    if (Date.now() - goes < WAIT) {
      var link = document.querySelector(".nav a[data-go='" + event.key.toLowerCase().replace(/[^a-z]/, "") + "']");
      goes = 0;
      if (link) { event.preventDefault(); link.click(); }
      return;
    }
    if (event.key.toLowerCase() === "g" && !event.target.closest("[role=application]")) { goes = Date.now(); }
  });
})();
