/// Numbers as people read them.
enum Figures {
  /// `0 B`, `812 B`, `16.0 KiB`, `1.25 GiB`: three or four digits.
  static func size(_ bytes: Int64) -> String {
    guard bytes >= 1024 else { return "\(max(0, bytes)) B" }
    var value = Double(bytes)
    var unit = ""
    for next in ["KiB", "MiB", "GiB", "TiB", "PiB"] where value >= 1023.95 || unit.isEmpty {
      value /= 1024
      unit = next
    }
    return "\(fixed(value, value < 10 ? 2 : value < 1000 ? 1 : 0)) \(unit)"
  }

  /// `12.3 MiB/s`.
  static func rate(_ bytesPerSecond: Double) -> String {
    guard bytesPerSecond.isFinite, bytesPerSecond < 1e18 else { return "-" }
    return size(Int64(bytesPerSecond)) + "/s"
  }

  /// `12 s`, `3 min 20 s`, `1 h 5 min`, `2 d 4 h`.
  static func time(_ seconds: Double) -> String {
    guard seconds.isFinite, seconds < 1e9 else { return "-" }
    let whole = Int(seconds.rounded())
    switch whole {
    case ..<60: return "\(whole) s"
    case ..<3600: return "\(whole / 60) min \(whole % 60) s"
    case ..<86400: return "\(whole / 3600) h \(whole % 3600 / 60) min"
    default: return "\(whole / 86400) d \(whole % 86400 / 3600) h"
    }
  }

  /// What is left at this rate, `ETA 12 s`; nothing if the rate says nothing.
  static func remaining(_ bytes: Int64, at rate: Double) -> String? {
    bytes > 0 && rate > 1 ? "ETA " + time((Double(bytes) / rate).rounded(.up)) : nil
  }

  /// A whole percentage; 100 only when all is done.
  static func percent(_ fraction: Double) -> String {
    "\(Int((min(max(fraction, 0), 1) * 100).rounded(.down))) %"
  }

  /// `1 file`, `3 files`.
  static func count(_ count: Int, _ one: String, _ many: String? = nil) -> String {
    "\(grouped(count)) \(count == 1 ? one : many ?? one + "s")"
  }

  /// `1,234,567`.
  static func grouped(_ number: Int) -> String {
    let digits = String(number.magnitude)
    var text = ""
    for (index, digit) in digits.enumerated() {
      if index > 0, (digits.count - index).isMultiple(of: 3) { text += "," }
      text.append(digit)
    }
    return (number < 0 ? "-" : "") + text
  }

  /// A number with exactly `digits` decimals.
  static func fixed(_ value: Double, _ digits: Int) -> String {
    var scale = 1.0
    for _ in 0..<digits { scale *= 10 }
    let scaled = Int64((abs(value) * scale).rounded())
    let whole = scaled / Int64(scale)
    guard digits > 0 else { return (value < 0 ? "-" : "") + String(whole) }
    let fraction = String(scaled % Int64(scale))
    let zeros = String(repeating: "0", count: digits - fraction.count)
    return (value < 0 ? "-" : "") + "\(whole).\(zeros)\(fraction)"
  }

  /// The day of a Unix time in UTC, `2024-02-29 13:05:09 UTC` (Hinnant's civil-from-days).
  static func date(_ time: Int64) -> String {
    let clamped = min(max(time, -62_135_596_800), 253_402_300_799)
    let days = (clamped >= 0 ? clamped : clamped - 86399) / 86400
    let second = clamped - days * 86400
    let shifted = days + 719_468
    let era = (shifted >= 0 ? shifted : shifted - 146_096) / 146_097
    let dayOfEra = shifted - era * 146_097
    let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36524 - dayOfEra / 146_096) / 365
    let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
    let index = (5 * dayOfYear + 2) / 153
    let day = dayOfYear - (153 * index + 2) / 5 + 1
    let month = index < 10 ? index + 3 : index - 9
    let year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
    let two = { (value: Int64) in value < 10 ? "0\(value)" : "\(value)" }
    return
      "\(year)-\(two(month))-\(two(day)) \(two(second / 3600)):\(two(second % 3600 / 60)):\(two(second % 60)) UTC"
  }
}
