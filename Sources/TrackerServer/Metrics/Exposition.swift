/// Writes metrics in the text format of Prometheus, version 0.0.4.
struct Exposition {
  private(set) var text = ""

  /// The media type.
  static let contentType = "text/plain; version=0.0.4; charset=utf-8"

  /// Counters only grow; gauges go up and down.
  enum Kind: String {
    case counter
    case gauge
    case histogram
  }

  /// Begins a metric: its name (with its unit, and `_total` for a counter) and what it is.
  mutating func metric(_ name: String, _ kind: Kind, _ help: String) {
    text += "# HELP \(name) \(help.replacing("\\", with: "\\\\").replacing("\n", with: "\\n"))\n"
    text += "# TYPE \(name) \(kind.rawValue)\n"
  }

  /// A value of a metric.
  mutating func sample(_ name: String, _ labels: [(String, String)] = [], _ value: Int) {
    sample(name, labels, String(value))
  }

  /// A value of a metric.
  mutating func sample(_ name: String, _ labels: [(String, String)] = [], _ value: Double) {
    sample(name, labels, value.isFinite ? String(value) : value.isNaN ? "NaN" : value > 0 ? "+Inf" : "-Inf")
  }

  /// A metric with one value.
  mutating func single(_ name: String, _ kind: Kind, _ help: String, _ value: Int) {
    metric(name, kind, help)
    sample(name, [], value)
  }

  /// A histogram of times, in seconds; `scale` is how many stand behind each that was measured.
  mutating func times(_ name: String, _ help: String, _ histogram: Histogram) {
    metric(name, .histogram, help)
    let (counts, total) = histogram.values
    var sum = 0
    for (bound, count) in zip(Histogram.bounds, counts) {
      sum += count
      sample(name + "_bucket", [("le", String(Double(bound) / 1e9))], sum)
    }
    sum += counts.last ?? 0
    sample(name + "_bucket", [("le", "+Inf")], sum)
    sample(name + "_sum", [], Double(total) / 1e9)
    sample(name + "_count", [], sum)
  }

  private mutating func sample(_ name: String, _ labels: [(String, String)], _ value: String) {
    text += name
    if !labels.isEmpty {
      text += "{" + labels.map { "\($0)=\"\(Self.escaped($1))\"" }.joined(separator: ",") + "}"
    }
    text += " \(value)\n"
  }

  private static func escaped(_ text: String) -> String {
    text.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"").replacing("\n", with: "\\n")
  }
}
