import Bytes
import HTTPParsing

/// What a request is for: what the loops answer themselves, or anything else.
enum RequestRoute: Equatable {
  case announce(Passkey?)
  case scrape(Passkey?)
  case elsewhere

  /// `/announce` and `/scrape`, both perhaps behind a passkey: `/0123…cdef/announce`. Only GET.
  init(_ head: RequestHead, _ bytes: RawSpan) {
    self = head.method == .get ? Self.route(bytes, head.path) : .elsewhere
  }

  /// The route of a path alone.
  init(path: [UInt8]) { self = Self.route(path.rawBytes, path.indices) }

  private static func route(_ bytes: RawSpan, _ path: Range<Int>) -> RequestRoute {
    guard path.count >= 7, bytes.byte(at: path.lowerBound) == UInt8(ascii: "/") else { return .elsewhere }
    let name = path.lowerBound + 1..<path.upperBound
    if matches(bytes, name, "announce") { return .announce(nil) }
    if matches(bytes, name, "scrape") { return .scrape(nil) }
    guard name.count > 33, bytes.byte(at: name.lowerBound + 32) == UInt8(ascii: "/") else {
      return .elsewhere
    }
    let rest = name.lowerBound + 33..<name.upperBound
    let isAnnounce = matches(bytes, rest, "announce")
    guard isAnnounce || matches(bytes, rest, "scrape") else { return .elsewhere }
    let digits = bytes.extracting(name.lowerBound..<name.lowerBound + 32)
    guard let passkey = unsafe digits.withUnsafeBytes({ unsafe Passkey($0) }) else { return .elsewhere }
    return isAnnounce ? .announce(passkey) : .scrape(passkey)
  }

  private static func matches(_ bytes: RawSpan, _ range: Range<Int>, _ text: StaticString) -> Bool {
    guard range.count == text.utf8CodeUnitCount else { return false }
    for index in 0..<range.count
    where unsafe bytes.byte(at: range.lowerBound + index) != text.utf8Start[index] {
      return false
    }
    return true
  }
}
