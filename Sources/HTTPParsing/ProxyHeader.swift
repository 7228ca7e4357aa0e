public import Addresses
import Bytes

/// What a proxy that speaks the PROXY protocol (HAProxy, versions 1 and 2) sends before the client's first byte.
public enum ProxyHeader: Sendable, Equatable {
  /// The rest is not here yet.
  case incomplete
  /// It is no such header, or a broken one.
  case malformed
  /// So many bytes of header. The client's end; `nil` if the connection is the proxy's own, or of another kind.
  case complete(size: Int, client: Endpoint?)

  /// The most that a version 1 header takes, line end included.
  private static let maximumLine = 107
  /// Further information than this has no place in version 2.
  private static let maximumRest = 4096

  /// Reads what there is so far. O(1), but for 4 KiB of further information.
  public init(_ bytes: RawSpan) {
    let signature: StaticString = "\r\n\r\n\0\r\nQUIT\n"
    let size = signature.utf8CodeUnitCount
    var equal = 0
    while equal < min(size, bytes.byteCount), unsafe bytes.byte(at: equal) == signature.utf8Start[equal] {
      equal += 1
    }
    if equal == size {
      self = Self.second(bytes)
    } else if equal == bytes.byteCount {
      self = .incomplete
    } else {
      self = Self.first(bytes)
    }
  }

  /// `PROXY TCP4 192.0.2.1 192.0.2.2 40000 80`
  private static func first(_ bytes: RawSpan) -> ProxyHeader {
    let start: StaticString = "PROXY "
    for index in 0..<min(start.utf8CodeUnitCount, bytes.byteCount)
    where unsafe bytes.byte(at: index) != start.utf8Start[index] {
      return .malformed
    }
    var end = 0
    while end < bytes.byteCount, bytes.byte(at: end) != .lineFeed { end += 1 }
    guard end < bytes.byteCount else { return bytes.byteCount < maximumLine ? .incomplete : .malformed }
    guard end < maximumLine, end > 5, bytes.byte(at: end - 1) == .carriageReturn else { return .malformed }
    let words = bytes.text(6..<max(6, end - 1)).split(separator: " ", omittingEmptySubsequences: false)
    if words.first == "UNKNOWN" { return .complete(size: end + 1, client: nil) }
    guard words.count == 5, words[0] == "TCP4" || words[0] == "TCP6",
      let source = IPAddress(String(words[1])),
      IPAddress(String(words[2])) != nil, source.isV4 || words[0] == "TCP6", let port = UInt16(words[3]),
      UInt16(words[4]) != nil
    else { return .malformed }
    return .complete(size: end + 1, client: Endpoint(source, port: port))
  }

  private static func second(_ bytes: RawSpan) -> ProxyHeader {
    guard bytes.byteCount >= 16 else { return .incomplete }
    let command = bytes.byte(at: 12)
    let family = bytes.byte(at: 13)
    let length = Int(bytes.bigEndian(UInt16.self, at: 14))
    guard command >> 4 == 2, command & 15 <= 1, length <= maximumRest else { return .malformed }
    guard bytes.byteCount >= 16 + length else { return .incomplete }
    let size = 16 + length
    // LOCAL: the proxy itself, to see whether we live.
    guard command & 15 == 1 else { return .complete(size: size, client: nil) }
    switch family {
    case 0x11:
      guard length >= 12 else { return .malformed }
      let address = IPAddress(bytes, at: 16, isV6: false)
      return .complete(size: size, client: Endpoint(address, port: bytes.bigEndian(UInt16.self, at: 24)))
    case 0x21:
      guard length >= 36 else { return .malformed }
      let address = IPAddress(bytes, at: 16, isV6: true)
      return .complete(size: size, client: Endpoint(address, port: bytes.bigEndian(UInt16.self, at: 48)))
    default:
      return .complete(size: size, client: nil)
    }
  }
}
