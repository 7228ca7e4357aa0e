/// The page that shows what the tracker does: whole without a script, which only keeps it fresh.
struct StatusPage {
  /// As things are.
  let present: TrackerHistory.Minute
  /// The last day, and the present at its end.
  let minutes: [TrackerHistory.Minute]
  let totals: TrackerHistory.Totals
  let refusals: [(name: String, count: Int)]
  /// `nil` if the page is not to tell.
  let torrents: [TrackerStatus.Torrent]?
  let clients: [(name: String, count: Int)]
  let memory: Int
  let uptime: Int
  let interval: Int

  /// Points of a chart at most.
  private static let points = 288

  /// What browsers are told to load: nothing but the page's own two files.
  static let policy =
    "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self' data:; "
    + "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

  var html: String {
    """
    <!doctype html>
    <html lang="en">
    <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <meta name="robots" content="noindex">
    <title>Tracker: \(Figure.grouped(present.peers)) peers in \(Figure.grouped(present.torrents)) torrents</title>
    <link rel="icon" href="data:,">
    <link rel="stylesheet" href="status.css">
    <noscript><meta http-equiv="refresh" content="60"></noscript>
    <script src="status.js" defer></script>
    </head>
    <body>
    <header><h1>Apus tracker</h1><p>Version \(TrackerStatus.version), up for \(Figure.span(uptime)). Clients announce \
    every \(Figure.span(interval)). Announce URLs of this host end in <code>/announce</code>.</p></header>
    <main>
    \(tiles)
    <section class="charts">\(charts)</section>
    \(tables)
    </main>
    <footer>Figures are kept for 24 hours, a point a minute. <a href="metrics">Metrics for Prometheus</a></footer>
    </body>
    </html>

    """
  }

  // MARK: Tiles

  private var tiles: String {
    let rows = [
      ("Torrents", Figure.grouped(present.torrents)), ("Peers", Figure.grouped(present.peers)),
      ("Seeds", Figure.grouped(present.seeds)),
      ("Downloading", Figure.grouped(present.peers - present.seeds)),
      ("Announces / s", Figure.short(Double(present.announces) / 60)),
      ("Errors / min", Figure.grouped(present.failures)), ("Memory", Figure.bytes(memory)),
    ]
    let items = rows.map { "<div><dt>\($0.0)</dt><dd>\($0.1)</dd></div>" }.joined()
    return "<dl class=\"tiles\">\(items)</dl>"
  }

  // MARK: Charts

  private var charts: String {
    guard !minutes.isEmpty else { return "" }
    let group = (minutes.count + Self.points - 1) / Self.points
    let start = minutes[0].time
    func chart(
      _ title: String, _ lines: [(String, (TrackerHistory.Minute) -> Double)],
      _ format: @escaping (Double) -> String
    ) -> String {
      LineChart(
        title: title, lines: lines.map { .init(name: $0.0, values: averages(group, $0.1)) }, start: start,
        step: 60 * Int64(group), format: format
      ).html
    }
    let whole: (Double) -> String = { Figure.grouped(Int($0.rounded())) }
    return chart(
      "Peers", [("seeds", { Double($0.seeds) }), ("downloading", { Double($0.peers - $0.seeds) })], whole)
      + chart("Torrents", [("torrents", { Double($0.torrents) })], whole)
      + chart("Announces a second", [("announces", { Double($0.announces) / 60 })], Figure.short)
      + chart(
        "Scrapes and errors a minute",
        [("scrapes", { Double($0.scrapes) }), ("errors", { Double($0.failures) })], Figure.short)
  }

  /// Means of `group` minutes each.
  private func averages(_ group: Int, _ value: (TrackerHistory.Minute) -> Double) -> [Double] {
    stride(from: 0, to: minutes.count, by: group).map { start in
      let slice = minutes[start..<min(start + group, minutes.count)]
      return slice.reduce(0) { $0 + value($1) } / Double(slice.count)
    }
  }

  // MARK: Tables

  private var tables: String {
    var html = "<div class=\"tables\">"
    if let torrents { html += torrentTable(torrents) }
    let all = max(1, clients.reduce(0) { $0 + $1.count })
    html += Self.table(
      "Clients", "share of announces", clients.prefix(12).map { ($0.name, Double($0.count) / Double(all)) },
      text: { Figure.short($0 * 100) + " %" })
    let reasons = [
      ("table_full", "table is full"), ("torrent_not_served", "torrent is not served"),
      ("passkey_unknown", "passkey is unknown"), ("passkey_cap", "passkey is at its cap"),
    ]
    let refused = reasons.map { reason in (reason.1, refusals.first { $0.name == reason.0 }?.count ?? 0) }
    let others = max(0, totals.failures - refused.reduce(0) { $0 + $1.1 })
    let errors = (refused + [("not understood", others)]).filter { $0.1 > 0 }.sorted { $0.1 > $1.1 }
    let sum = max(1, errors.reduce(0) { $0 + $1.1 })
    html += Self.table(
      "Errors", "since the start", errors.map { ($0.0, Double($0.1) / Double(sum)) },
      text: { Figure.grouped(Int(($0 * Double(sum)).rounded())) })
    return html + "</div>"
  }

  private func torrentTable(_ torrents: [TrackerStatus.Torrent]) -> String {
    var html = "<section class=\"torrents\"><h2>Largest torrents</h2>"
    guard !torrents.isEmpty else {
      return html + "<p>None yet: the list is made once a minute.</p></section>"
    }
    html +=
      "<table><thead><tr><th>Info-hash</th><th>Seeds</th><th>Down\u{ad}loading</th><th>Com\u{ad}pleted</th>"
    html += "</tr></thead><tbody>"
    for torrent in torrents {
      html +=
        "<tr><td class=\"hash\"><code>\(torrent.infoHash)</code></td><td>\(Figure.grouped(torrent.seeds))</td>"
      html += "<td>\(Figure.grouped(torrent.leeches))</td><td>\(Figure.grouped(torrent.downloaded))</td></tr>"
    }
    return html + "</tbody></table></section>"
  }

  private static func table(
    _ title: String, _ unit: String, _ rows: [(name: String, share: Double)], text: (Double) -> String
  ) -> String {
    var html = "<section><h2>\(title) <small>\(unit)</small></h2>"
    guard !rows.isEmpty else { return html + "<p>None.</p></section>" }
    html += "<table class=\"bars\"><tbody>"
    for row in rows {
      html += "<tr><th scope=\"row\">\(HTML.escaped(row.name))</th><td class=\"bar\">"
      html += "<svg viewBox=\"0 0 100 8\" preserveAspectRatio=\"none\" aria-hidden=\"true\">"
      html += "<rect width=\"\(max(0.5, (row.share * 1000).rounded() / 10))\" height=\"8\"/></svg></td>"
      html += "<td>\(text(row.share))</td></tr>"
    }
    return html + "</tbody></table></section>"
  }
}
