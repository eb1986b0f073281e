/* What the pages do by themselves: theme, links without reload, titles, staleness and the end of a session. */
(function () {
  "use strict";
  var PREFIX = "/dashboard/";
  var THEME = "mantine-color-scheme-value"; // where Mantine looks, too
  var STALE_SECONDS = 35;
  var ending = 0; // when the session ends, in milliseconds; 0 while nobody is signed in
  var shown = null; // the page whose title was announced last

  /* ---- theme: before anything is drawn; the system's choice until a person makes one ---- */

  var dark = window.matchMedia("(prefers-color-scheme: dark)");
  function remembered() {
    try { return window.localStorage.getItem(THEME); } catch (error) { return null; }
  }
  function scheme() {
    var choice = remembered();
    return choice === "light" || choice === "dark" ? choice : dark.matches ? "dark" : "light";
  }
  function paint() { document.documentElement.setAttribute("data-mantine-color-scheme", scheme()); }
  function choose(next) {
    var before = remembered();
    try { window.localStorage.setItem(THEME, next); } catch (error) { /* not remembered, but shown */ }
    window.dispatchEvent(new StorageEvent("storage", { key: THEME, oldValue: before, newValue: next, storageArea: window.localStorage }));
    document.documentElement.setAttribute("data-mantine-color-scheme", next);
    say(next === "dark" ? "Dark colours" : "Light colours");
  }
  paint();
  dark.addEventListener("change", paint);

  /* ---- lines that are read aloud ---- */

  function line(id, text) {
    var place = document.getElementById(id);
    if (!place || place.textContent === text) { return; }
    place.textContent = text;
    if (id !== "announce") { place.hidden = !text; }
  }
  function say(text) { line("announce", text); }

  /* ---- links: within the dashboard without loading everything again ---- */

  document.addEventListener("click", function (event) {
    var button = event.target.closest("[data-action='theme']");
    if (button) { choose(scheme() === "dark" ? "light" : "dark"); return; }
    var link = event.target.closest("a[href]");
    if (!link || event.defaultPrevented || event.button !== 0 || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) { return; }
    var url = new URL(link.href, window.location.href);
    var isPage = url.origin === window.location.origin && url.pathname.indexOf(PREFIX) === 0 && !link.target && !link.download;
    if (!isPage || !document.getElementById("page") || url.hash) { return; }
    event.preventDefault();
    window.history.pushState({}, "", url.pathname + url.search);
    window.dispatchEvent(new CustomEvent("_dashprivate_pushstate")); // what dcc.Location listens to
    window.scrollTo(0, 0);
  });

  /* ---- forms that ask for a page: the address says what was asked, without loading everything again ---- */

  document.addEventListener("submit", function (event) {
    var form = event.target;
    if (event.defaultPrevented || form.method !== "get" || !document.getElementById("page")) { return; }
    var url = new URL(form.action, window.location.href), asked = new URLSearchParams();
    if (url.origin !== window.location.origin || url.pathname.indexOf(PREFIX) !== 0) { return; }
    event.preventDefault();
    new FormData(form).forEach(function (value, name) { if (typeof value === "string" && value.trim()) { asked.append(name, value.trim()); } });
    var text = asked.toString();
    window.history.pushState({}, "", url.pathname + (text ? "?" + text : ""));
    window.dispatchEvent(new CustomEvent("_dashprivate_pushstate"));
  });

  /* ---- forms that ask again by themselves, a moment after something in them changes ---- */

  var asking = 0, typed = null;
  document.addEventListener("input", function (event) {
    var form = event.target.form;
    if (!form || !form.hasAttribute("data-live")) { return; }
    typed = { id: event.target.id, value: event.target.value };
    window.clearTimeout(asking);
    asking = window.setTimeout(function () { asking = 0; if (form.isConnected) { form.requestSubmit(); } }, 700);
  });
  function goOn() { // the field is a new one: the focus is put back, and what was typed while the answer came
    var field = typed && document.getElementById(typed.id);
    if (!field || document.activeElement !== document.body) { return; }
    field.focus();
    if (field.tagName !== "INPUT") { return; }
    if (asking && field.value !== typed.value) {
      Object.getOwnPropertyDescriptor(window.HTMLInputElement.prototype, "value").set.call(field, typed.value);
      field.dispatchEvent(new Event("input", { bubbles: true }));
    }
    field.setSelectionRange(field.value.length, field.value.length);
  }

  /* ---- keys: Alt and a letter press the button that names it; the focus goes there, so that a field before it is done ---- */

  document.addEventListener("keydown", function (event) {
    if (!event.altKey || event.ctrlKey || event.metaKey || event.code.indexOf("Key") !== 0) { return; }
    var button = document.querySelector("[data-key='" + event.code.charAt(3).toLowerCase() + "']");
    if (!button || button.disabled) { return; }
    event.preventDefault();
    button.focus();
    button.click();
  });

  /* ---- navigation: the place where one is stands in sight, also where the list is longer than its room ---- */

  function reveal() {
    var here = document.querySelector(".nav [aria-current]");
    var list = here && here.closest(".nav");
    if (!list) { return; }
    var place = here.getBoundingClientRect(), frame = list.getBoundingClientRect();
    if (place.left < frame.left || place.right > frame.right) { list.scrollLeft += place.left - frame.left - (frame.width - place.width) / 2; }
    if (place.top < frame.top || place.bottom > frame.bottom) { list.scrollTop += place.top - frame.top - (frame.height - place.height) / 2; }
  }

  /* ---- files: Dash drops one that is too large without a word, so its size goes to the callback that says so ---- */

  function weigh(event) {
    var chooser = event.target.closest("[data-most-bytes]");
    var files = (event.dataTransfer || event.target).files;
    if (!chooser || !files || !files.length || files[0].size <= Number(chooser.dataset.mostBytes)) { return; }
    window.dash_clientside.set_props(chooser.dataset.tooLarge, { data: files[0].size });
  }
  document.addEventListener("change", weigh, true);
  document.addEventListener("drop", weigh, true);

  /* ---- two texts side by side: a mark shows its twin, and what is scrolled takes the other along ---- */

  function twins(event) {
    var mark = event.target.closest && event.target.closest("[data-pair]");
    if (!mark) { return; }
    var on = event.type === "mouseover" || event.type === "focusin";
    document.querySelectorAll("[data-pair='" + mark.dataset.pair + "']").forEach(function (each) {
      each.classList.toggle("is-twin", on);
      var pane = each.closest("[data-pane]");
      if (!on || each === mark || !pane) { return; }
      var place = each.getBoundingClientRect(), frame = pane.getBoundingClientRect();
      if (place.top < frame.top || place.bottom > frame.bottom) { pane.scrollTop += place.top - frame.top - pane.clientHeight / 2; }
    });
  }
  ["mouseover", "mouseout", "focusin", "focusout"].forEach(function (kind) { document.addEventListener(kind, twins); });
  document.addEventListener("scroll", function (event) {
    var pane = event.target;
    if (!pane.dataset || !pane.dataset.pane || !pane.matches(":hover, :focus, :focus-within")) { return; }
    document.querySelectorAll("[data-pane='" + pane.dataset.pane + "']").forEach(function (other) {
      if (other === pane || other.matches(":hover")) { return; }
      other.scrollTop = pane.scrollTop / Math.max(1, pane.scrollHeight - pane.clientHeight) * (other.scrollHeight - other.clientHeight);
    });
  }, true);

  /* ---- the session: a refused call leads to the sign-in page, and back here ---- */

  function signIn(why) {
    var here = window.location.pathname + window.location.search;
    window.location.assign(PREFIX + "sign-in?next=" + encodeURIComponent(here) + "&why=" + why);
  }
  var send = window.fetch;
  window.fetch = function () {
    return send.apply(window, arguments).then(function (answer) {
      if (answer.status === 401 && answer.url.indexOf("/_dash-") > 0) { signIn("ended"); }
      return answer;
    });
  };

  /* ---- every few seconds: is what we show still true, and does the session last? ---- */

  function look() {
    var asOf = document.getElementById("as-of");
    var age = asOf ? (Date.now() - Date.parse(asOf.getAttribute("datetime"))) / 1000 : 0;
    var isStale = age > STALE_SECONDS && !document.hidden;
    document.documentElement.classList.toggle("is-stale", isStale);
    line("stale-line", isStale ? "No news for a while: these numbers are of " + asOf.textContent + "." : "");
    var left = ending ? (ending - Date.now()) / 1000 : Infinity;
    if (left <= 0) { ending = 0; signIn("ended"); }
    line("session-line", left > 0 && left < 120 ? "Your session ends in less than two minutes. Then sign in again and go on." : "");
  }
  window.setInterval(look, 5000);
  document.addEventListener("visibilitychange", function () {
    if (document.getElementById("as-of") && window.dash_clientside && window.dash_clientside.set_props) {
      window.dash_clientside.set_props("tick", { disabled: document.hidden });
    }
  });

  /* ---- what Dash calls ---- */

  window.dash_clientside = window.dash_clientside || {};
  window.dash_clientside.careloom = {
    entered: function (page) {
      if (!page) { return window.dash_clientside.no_update; }
      ending = page.ends;
      document.title = page.title + " – Careloom";
      if (shown !== null && shown !== page.address) {
        say(page.title);
        window.setTimeout(function () {
          var title = document.getElementById("title");
          if (title) { title.focus({ preventScroll: true }); }
        }, 0);
      }
      if (shown === page.address && typed) { window.setTimeout(goOn, 0); } else { typed = null; }
      shown = page.address;
      document.documentElement.setAttribute("data-at", page.at);
      window.setTimeout(reveal, 0);
      look();
      return window.dash_clientside.no_update;
    },
    viewer: function (data) {
      window.careloom_viewer.draw("note-viewer", data || null);
      return window.dash_clientside.no_update;
    },
    remember: function (lanes, period) {
      var query = new URLSearchParams(window.location.search);
      function keep(name, value) { if (value) { query.set(name, value); } else { query.delete(name); } }
      keep("lanes", (lanes || []).join(","));
      keep("period", period === "all" ? "" : period);
      var text = query.toString();
      window.history.replaceState(window.history.state, "", window.location.pathname + (text ? "?" + text : ""));
      return window.dash_clientside.no_update;
    }
  };
})();
