/// A chart of figures over time as SVG: lines over a common scale from zero, with the area below the first.
///
/// The drawing stretches to the width that it gets; its texts stand beside it in HTML, so that they do not. The
/// figures are in the element as well, for the script that reads them out under the pointer.
struct LineChart {
  /// One line: what it is called, and its figures, one a step.
  struct Line {
    let name: String
    let values: [Double]
  }

  /// What the chart shows, in a word or two.
  let title: String
  let lines: [Line]
  /// Seconds since 1970 of the first figure, and between two.
  let start: Int64
  let step: Int64
  /// How a figure is written.
  let format: (Double) -> String

  private static let width = 600.0
  private static let height = 120.0

  var html: String {
    let count = lines.first?.values.count ?? 0
    let top = Self.ceiling(lines.flatMap(\.values).max() ?? 0)
    var html = "<figure class=\"chart\"><figcaption>\(HTML.escaped(title))\(legend)</figcaption>"
    html += "<div class=\"plot\"><span class=\"top\">\(format(top))</span>"
    html += "<svg viewBox=\"0 0 600 120\" preserveAspectRatio=\"none\" role=\"img\" aria-label=\"\(label)\""
    html += " data-start=\"\(start)\" data-step=\"\(step)\" data-count=\"\(count)\""
    for (index, line) in lines.enumerated() {
      html += " data-name\(index)=\"\(HTML.escaped(line.name))\""
      html += " data-values\(index)=\"\(line.values.map(format).joined(separator: " "))\""
    }
    html += "><path class=\"grid\" d=\"M0 60H600M0 119.5H600\"/>"
    for (index, line) in lines.enumerated() {
      let points = Self.points(line.values, top: top)
      if index == 0, points.count > 1 {
        html += "<path class=\"area\" d=\"M0 120L\(points.joined(separator: "L"))L600 120Z\"/>"
      }
      html += "<path class=\"line line\(index)\" d=\"M\(points.joined(separator: "L"))\"/>"
    }
    html += "<path class=\"cursor\" d=\"\"/></svg>"
    html += "<span class=\"from\">\(Self.ago(Int64(max(0, count - 1)) * step))</span>"
    html += "<span class=\"to\">now</span><output class=\"readout\"></output></div></figure>"
    return html
  }

  private var legend: String {
    guard lines.count > 1 else { return "" }
    return lines.enumerated().map { index, line in
      " <span class=\"key key\(index)\">\(HTML.escaped(line.name))</span>"
    }.joined()
  }

  /// What who cannot see the chart is told.
  private var label: String {
    HTML.escaped(
      title + ": "
        + lines.map { line in
          let (low, high) = (line.values.min() ?? 0, line.values.max() ?? 0)
          return "\(line.name) \(format(line.values.last ?? 0)) now, \(format(low)) to \(format(high))"
        }.joined(separator: "; "))
  }

  private static func points(_ values: [Double], top: Double) -> [String] {
    // A single figure is a line as well.
    let values = values.count == 1 ? values + values : values
    return values.enumerated().map { index, value in
      let x = width * Double(index) / Double(max(1, values.count - 1))
      let y = height - 1 - (height - 4) * (top > 0 ? value / top : 0)
      return "\(tenths(x)) \(tenths(y))"
    }
  }

  private static func tenths(_ value: Double) -> String {
    let tenths = Int((value * 10).rounded())
    return tenths % 10 == 0 ? String(tenths / 10) : "\(tenths / 10).\(abs(tenths % 10))"
  }

  /// The next round figure: a digit, or 1.5, times a power of ten.
  static func ceiling(_ value: Double) -> Double {
    guard value > 0, value.isFinite else { return 1 }
    var power = 1.0
    while power * 10 <= value { power *= 10 }
    while power > value, power > 0.001 { power /= 10 }
    for factor in [1, 1.5, 2, 3, 4, 5, 6, 8, 10] where power * factor >= value { return power * factor }
    return power * 10
  }

  private static func ago(_ seconds: Int64) -> String {
    if seconds >= 7200 { return "\((seconds + 1800) / 3600) hours ago" }
    if seconds >= 120 { return "\((seconds + 30) / 60) minutes ago" }
    return seconds >= 60 ? "1 minute ago" : ""
  }
}

/// Text in pages.
enum HTML {
  /// Text that is neither markup nor the end of an attribute.
  static func escaped(_ text: String) -> String {
    var result = ""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "&": result += "&amp;"
      case "<": result += "&lt;"
      case ">": result += "&gt;"
      case "\"": result += "&quot;"
      case "'": result += "&#39;"
      default: result.unicodeScalars.append(scalar)
      }
    }
    return result
  }
}

/// Figures as people read them.
enum Figure {
  /// `1,234,567`.
  static func grouped(_ value: Int) -> String {
    let digits = String(abs(value))
    var result = ""
    for (index, digit) in digits.enumerated() {
      if index > 0, (digits.count - index) % 3 == 0 { result += "," }
      result.append(digit)
    }
    return value < 0 ? "-" + result : result
  }

  /// Whole from ten on, else with a digit after the point.
  static func short(_ value: Double) -> String {
    guard value < 10, value > 0 else { return grouped(Int(value.rounded())) }
    let tenths = Int((value * 10).rounded())
    return tenths % 10 == 0 ? String(tenths / 10) : "\(tenths / 10).\(tenths % 10)"
  }

  /// `12.3 MiB`.
  static func bytes(_ count: Int) -> String {
    var value = Double(count)
    for unit in ["B", "KiB", "MiB", "GiB"] {
      if value < 1024 { return "\(short(value)) \(unit)" }
      value /= 1024
    }
    return "\(short(value)) TiB"
  }

  /// `3 d 4 h`, `5 min`.
  static func span(_ seconds: Int) -> String {
    if seconds >= 86_400 { return "\(seconds / 86_400) d \(seconds % 86_400 / 3600) h" }
    if seconds >= 3600 { return "\(seconds / 3600) h \(seconds % 3600 / 60) min" }
    return seconds >= 60 ? "\(seconds / 60) min" : "\(seconds) s"
  }
}
