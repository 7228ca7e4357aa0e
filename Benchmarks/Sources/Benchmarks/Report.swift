/// Results as a table or as JSON.
enum Report {
  typealias Row = (name: String, cost: Cost)

  /// Markdown, as in docs/BENCHMARKS.md.
  static func table(_ rows: [Row]) -> String {
    var lines = [
      "| operation | ns | allocations | retains | instructions |", "|---|---:|---:|---:|---:|",
    ]
    for row in rows {
      let cells = [
        row.cost.nanoseconds, row.cost.allocations, row.cost.retains, row.cost.instructions,
      ].map { $0.map(figure) ?? "–" }
      lines.append("| \(row.name) | \(cells.joined(separator: " | ")) |")
    }
    return lines.joined(separator: "\n")
  }

  /// One array of objects; what was not measured is `null`.
  static func json(_ rows: [Row]) -> String {
    let objects = rows.map { row in
      func number(_ value: Double?) -> String { value.map { "\($0)" } ?? "null" }
      return """
          {"operation": "\(row.name)", "nanoseconds": \(number(row.cost.nanoseconds)), \
        "allocations": \(row.cost.allocations), "retains": \(row.cost.retains), \
        "instructions": \(number(row.cost.instructions))}
        """
    }
    return "[\n" + objects.joined(separator: ",\n") + "\n]"
  }

  /// Three significant digits for small numbers, whole ones above a hundred.
  static func figure(_ value: Double) -> String {
    if value >= 100 { return "\(Int(value.rounded()))" }
    let scale = value >= 10 ? 10.0 : value >= 1 ? 100 : 1000
    let rounded = (value * scale).rounded() / scale
    if rounded == 0, value > 0 { return "<0.001" }
    return rounded == rounded.rounded() ? "\(Int(rounded))" : "\(rounded)"
  }
}
