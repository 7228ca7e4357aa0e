/// The two files that the status page loads.
enum StatusFiles {
  static let style = """
    :root { color-scheme: light dark; --page: #f6f7f9; --card: #fff; --ink: #1b2028; --soft: #5c6675;
      --line: #dfe3e8; --one: #1f6fd6; --two: #c2570c; --area: #1f6fd61f; }
    @media (prefers-color-scheme: dark) { :root { --page: #14171c; --card: #1d2127; --ink: #e8ebef;
      --soft: #a0a9b6; --line: #333a44; --one: #6aa8ff; --two: #ff9d57; --area: #6aa8ff24; } }
    * { box-sizing: border-box; }
    body { margin: 0 auto; max-width: 76rem; padding: 1.25rem; background: var(--page); color: var(--ink);
      font: 16px/1.45 system-ui, sans-serif; }
    h1 { font-size: 1.35rem; margin: 0; }
    h2 { font-size: 1rem; margin: 0 0 .5rem; }
    h2 small, header p, footer { color: var(--soft); font-weight: normal; font-size: .875rem; }
    header p { margin: .15rem 0 1rem; }
    a { color: var(--one); }
    code { font-size: .9em; }
    .tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(9.5rem, 1fr)); gap: .75rem; margin: 0 0 .75rem; }
    .tiles div, .chart, .tables section { background: var(--card); border: 1px solid var(--line); border-radius: .5rem;
      padding: .75rem .9rem; margin: 0; min-width: 0; }
    .tiles dt { color: var(--soft); font-size: .8125rem; }
    .tiles dd { margin: 0; font-size: 1.35rem; font-weight: 600; font-variant-numeric: tabular-nums; }
    .charts { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 26rem), 1fr)); gap: .75rem; }
    .chart figcaption { font-weight: 600; margin-bottom: .4rem; }
    .key { font-weight: normal; font-size: .8125rem; color: var(--soft); margin-left: .6rem; white-space: nowrap; }
    .key::before { content: ""; display: inline-block; width: .65rem; height: .65rem; border-radius: 50%;
      background: var(--one); margin-right: .3rem; }
    .key1::before { background: var(--two); }
    .plot { position: relative; padding: 1.1rem 0; font-size: .75rem; color: var(--soft);
      font-variant-numeric: tabular-nums; }
    .plot svg { display: block; width: 100%; height: 8rem; border-top: 1px solid var(--line); }
    .plot span, .plot output { position: absolute; }
    .top { top: 0; left: 0; } .from { bottom: 0; left: 0; } .to { bottom: 0; right: 0; }
    .readout { top: 0; right: 0; color: var(--ink); }
    path { fill: none; vector-effect: non-scaling-stroke; }
    .grid { stroke: var(--line); stroke-width: 1; }
    .area { fill: var(--area); }
    .line { stroke: var(--one); stroke-width: 2; stroke-linejoin: round; }
    .line1 { stroke: var(--two); }
    .cursor { stroke: var(--soft); stroke-width: 1; }
    .tables { display: grid; grid-template-columns: repeat(2, minmax(0, 1fr)); gap: .75rem; margin-top: .75rem; }
    .torrents { grid-column: 1 / -1; }
    .tables p { margin: 0; color: var(--soft); }
    table { width: 100%; border-collapse: collapse; font-variant-numeric: tabular-nums; font-size: .9375rem; }
    th { text-align: right; color: var(--soft); font-weight: normal; }
    td { text-align: right; padding: .2rem 0 .2rem .75rem; }
    thead th { padding-left: .75rem; border-bottom: 1px solid var(--line); font-size: .8125rem; }
    th:first-child, td:first-child { text-align: left; padding-left: 0; }
    .hash { max-width: 0; width: 60%; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
    .bars th { color: var(--ink); }
    .bar { width: 45%; } .bar svg { display: block; width: 100%; height: .5rem; background: var(--area); border-radius: .25rem; }
    .bar rect { fill: var(--one); }
    footer { margin: 1rem 0; }
    @media (max-width: 44rem) { body { padding: .75rem; } .tables { grid-template-columns: minmax(0, 1fr); }
      .tiles { grid-template-columns: repeat(2, minmax(0, 1fr)); } .hash { width: 35%; } }

    """

  static let script = """
    // Keeps the page fresh and reads the charts out under the pointer. The page is whole without it.
    "use strict";
    function readOut(svg) {
      const count = Number(svg.dataset.count), plot = svg.parentElement;
      const readout = plot.querySelector(".readout"), cursor = svg.querySelector(".cursor");
      const names = [], values = [];
      for (let i = 0; svg.dataset["values" + i] !== undefined; i++) {
        names.push(svg.dataset["name" + i]);
        values.push(svg.dataset["values" + i].split(" "));
      }
      svg.addEventListener("pointermove", event => {
        const box = svg.getBoundingClientRect();
        const at = Math.round((event.clientX - box.left) / box.width * (count - 1));
        const index = Math.min(count - 1, Math.max(0, at));
        const time = new Date((Number(svg.dataset.start) + index * Number(svg.dataset.step)) * 1000);
        const clock = time.toLocaleTimeString([], {hour: "2-digit", minute: "2-digit"});
        const texts = names.map((name, i) => names.length > 1 ? name + " " + values[i][index] : values[i][index]);
        readout.textContent = clock + ": " + texts.join(", ");
        const x = count > 1 ? 600 * index / (count - 1) : 0;
        cursor.setAttribute("d", "M" + x + " 0V120");
      });
      svg.addEventListener("pointerleave", () => { readout.textContent = ""; cursor.setAttribute("d", ""); });
    }
    function readAllOut() { document.querySelectorAll(".plot svg").forEach(readOut); }
    async function refresh() {
      if (document.hidden || document.querySelector(".plot svg:hover")) return;
      try {
        const answer = await fetch(location.href, {cache: "no-store"});
        if (!answer.ok) return;
        const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
        for (const part of ["header", "main"]) document.querySelector(part).replaceWith(fresh.querySelector(part));
        document.title = fresh.title;
        readAllOut();
      } catch { /* The tracker is not there; the next try may find it. */ }
    }
    readAllOut();
    setInterval(refresh, 10000);

    """
}
