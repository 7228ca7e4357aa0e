public import Addresses
import Bytes

/// The field in which a proxy says whom it asks for. Only one is believed, the one that the proxy is known to set:
/// the other would be passed on as the client wrote it.
public enum ForwardedField: String, Sendable, CaseIterable {
  /// `X-Forwarded-For: client, proxy`.
  case forwardedFor = "x-forwarded-for"
  /// `Forwarded: for=client, for="[2001:db8::1]:8080"` (RFC 7239).
  case forwarded
}

extension RequestHead {
  /// Who asked, as the proxies tell: the last hop that is not one of those trusted. `nil` if the field is missing,
  /// or if what is to be believed is no address: the trusted proxy did not do its part.
  ///
  /// Where all hops are trusted, the first of them is the client.
  public func client(
    of bytes: RawSpan, by field: ForwardedField, isTrusted: (IPAddress) -> Bool
  ) -> IPAddress? {
    var hops = Hops()
    switch field {
    case .forwardedFor:
      forEachValue(of: "x-forwarded-for", in: bytes) { value in
        bytes.forEachElement(value) { hops.add(bytes.host($0), isTrusted) }
      }
    case .forwarded:
      forEachValue(of: "forwarded", in: bytes) { value in
        bytes.forEachElement(value) { hops.add(bytes.forwardedFor($0).flatMap { bytes.host($0) }, isTrusted) }
      }
    }
    return hops.client
  }

  /// The same out of values that something else has read: one text, as if all fields were joined by commas.
  public static func client(
    in value: String, by field: ForwardedField, isTrusted: (IPAddress) -> Bool
  ) -> IPAddress? {
    let text = [UInt8](value.utf8)
    let bytes = text.rawBytes
    var hops = Hops()
    bytes.forEachElement(0..<text.count) { element in
      let part = field == .forwarded ? bytes.forwardedFor(element) : element
      hops.add(part.flatMap { bytes.host($0) }, isTrusted)
    }
    return hops.client
  }
}

/// Finds the last hop that is not trusted in a list that is read from the front.
private struct Hops {
  private var first: IPAddress?
  private var lastStranger: IPAddress?
  private var isFirst = true
  /// Whether a hop that is no address came after the last stranger: what stands before it means nothing.
  private var isBroken = false

  mutating func add(_ hop: IPAddress?, _ isTrusted: (IPAddress) -> Bool) {
    defer { isFirst = false }
    guard let hop else {
      isBroken = true
      return
    }
    if isFirst { first = hop }
    if !isTrusted(hop) {
      lastStranger = hop
      isBroken = false
    }
  }

  var client: IPAddress? { isBroken ? nil : lastStranger ?? first }
}

extension RawSpan {
  /// The address in `192.0.2.1`, `192.0.2.1:80`, `2001:db8::1`, `[2001:db8::1]` or `[2001:db8::1]:80`, perhaps in
  /// quotes.
  fileprivate func host(_ range: Range<Int>) -> IPAddress? {
    var range = range
    if range.count >= 2, byte(at: range.lowerBound) == 0x22, byte(at: range.upperBound - 1) == 0x22 {
      range = range.lowerBound + 1..<range.upperBound - 1
    }
    guard range.count <= 64 else { return nil }
    let text = text(range)
    if text.first == "[", text.last == "]" { return IPAddress(String(text.dropFirst().dropLast())) }
    return IPAddress(text) ?? Endpoint(text)?.address
  }

  /// The value of `for` in an element of `Forwarded`.
  fileprivate func forwardedFor(_ element: Range<Int>) -> Range<Int>? {
    var start = element.lowerBound
    while start < element.upperBound {
      var end = start
      while end < element.upperBound, byte(at: end) != UInt8(ascii: ";") { end += 1 }
      let pair = trimmed(start..<end)
      if pair.count > 4, spells(pair.lowerBound..<pair.lowerBound + 4, "for=") {
        return pair.lowerBound + 4..<pair.upperBound
      }
      start = end + 1
    }
    return nil
  }
}
