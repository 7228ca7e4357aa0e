/// Who got how much from whom.
struct DemoTable {
  let seeder: DemoPlayer
  let downloaders: [DemoPlayer]

  /// A row a downloader; a column for each source.
  var text: String {
    let sources = [seeder] + downloaders
    var rows = [["", "time", "rate", "from the seeder"] + downloaders.map { "from \($0.name.suffix(1))" }]
    var hasOthers = false
    for downloader in downloaders {
      guard let result = downloader.result else { continue }
      var row = [
        downloader.name, Figures.fixed(result.seconds, 1) + " s",
        Figures.rate(Double(result.size) / max(result.seconds, 0.001)),
      ]
      var others = result.downloaded
      for source in sources {
        let bytes = result.received.filter { $0.address == source.address }.reduce(0) { $0 + $1.bytes }
        others -= bytes
        row.append(source === downloader ? "-" : Figures.size(bytes))
      }
      hasOthers = hasOthers || others > 0
      row.append(Figures.size(others))
      rows.append(row)
    }
    if hasOthers { rows[0].append("unknown") } else { rows = rows.map { Array($0.prefix(rows[0].count)) } }
    return Self.table(rows)
  }

  private static func table(_ rows: [[String]]) -> String {
    let columns = rows.map(\.count).max() ?? 0
    let widths = (0..<columns).map { column in
      rows.map { column < $0.count ? $0[column].columns : 0 }.max() ?? 0
    }
    return rows.map { row in
      row.enumerated().map { column, cell in
        column == 0 ? cell.fitted(to: widths[column]) : cell.right(widths[column] + 2)
      }.joined() + "\n"
    }.joined()
  }
}
