/// Points in time as HTTP writes them: `Sun, 06 Nov 1994 08:49:37 GMT` (RFC 9110, section 5.6.7).
public enum HTTPDate {
  /// The bytes of a date.
  public static let byteCount = 29

  /// Appends the date of a time in seconds since 1970; years from 1970 to 9999.
  public static func append(_ seconds: Int, to bytes: inout [UInt8]) {
    let seconds = min(max(0, seconds), 253_402_300_799)
    let days = seconds / 86_400
    let (year, month, day) = civil(days)
    append(dayNames, days + 4, 7, to: &bytes)
    bytes.append(UInt8(ascii: ","))
    bytes.append(.space)
    appendPair(day, to: &bytes)
    bytes.append(.space)
    append(monthNames, month - 1, 12, to: &bytes)
    bytes.append(.space)
    appendPair(year / 100, to: &bytes)
    appendPair(year % 100, to: &bytes)
    for (unit, mark) in [(3600, UInt8.space), (60, UInt8(ascii: ":")), (1, UInt8(ascii: ":"))] {
      bytes.append(mark)
      appendPair(seconds % 86_400 / unit % (unit == 3600 ? 24 : 60), to: &bytes)
    }
    bytes.append(contentsOf: " GMT".utf8)
  }

  private static let dayNames: StaticString = "SunMonTueWedThuFriSat"
  private static let monthNames: StaticString = "JanFebMarAprMayJunJulAugSepOctNovDec"

  private static func append(_ names: StaticString, _ index: Int, _ count: Int, to bytes: inout [UInt8]) {
    let start = index % count * 3
    for offset in start..<start + 3 { unsafe bytes.append(names.utf8Start[offset]) }
  }

  private static func appendPair(_ number: Int, to bytes: inout [UInt8]) {
    bytes.append(UInt8(ascii: "0") + UInt8(number / 10))
    bytes.append(UInt8(ascii: "0") + UInt8(number % 10))
  }

  /// The day of the Gregorian calendar, counted in years that begin with March, so that leap days come last.
  private static func civil(_ days: Int) -> (year: Int, month: Int, day: Int) {
    let shifted = days + 719_468
    let era = shifted / 146_097
    let dayOfEra = shifted % 146_097
    let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
    let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
    let shiftedMonth = (5 * dayOfYear + 2) / 153
    let month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9
    let year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
    return (year, month, dayOfYear - (153 * shiftedMonth + 2) / 5 + 1)
  }
}
