public import Addresses
import Bytes
public import Digest

/// A datagram of local service discovery: somebody on this network takes part in these swarms (BEP 14).
public struct LocalAnnounce: Hashable, Sendable {
  /// Where announces go over IPv4.
  public static let groupV4 = Endpoint(IPAddress(v4: 0xefc0_988f), port: 6771)
  /// Where announces go over IPv6.
  public static let groupV6 = Endpoint(
    IPAddress(
      [0xff, 0x15, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xef, 0xc0, 0x98, 0x8f].rawBytes, at: 0, isV6: true),
    port: 6771)
  /// Bytes of a datagram at most.
  public static let maximumSize = 1400
  /// Info-hashes that fit into one.
  public static let maximumHashes = 24
  private static let cookieLimit = 64

  /// Where the sender takes connections.
  public var port: UInt16
  /// The swarms.
  public var infoHashes: [InfoHash]
  /// What the sender knows its own announces by.
  public var cookie: String?

  /// Puts an announce together.
  public init(port: UInt16, infoHashes: [InfoHash], cookie: String? = nil) {
    self.port = port
    self.infoHashes = infoHashes
    self.cookie = cookie
  }

  /// Reads a datagram; `nil` if it is none of these, or names no port or no swarm. Headers may come in any
  /// order and case; unknown ones and info-hashes of another form are passed over. O(n).
  public init?(_ datagram: RawSpan) {
    guard datagram.byteCount <= 2 * Self.maximumSize else { return nil }
    let bytes = datagram.array(0..<datagram.byteCount)
    var lines = bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: true).map {
      $0.last == UInt8(ascii: "\r") ? $0.dropLast() : $0
    }[...]
    guard let first = lines.popFirst(), first.elementsEqual("BT-SEARCH * HTTP/1.1".utf8) else { return nil }
    var port: UInt16?
    var hashes: [InfoHash] = []
    for line in lines {
      guard let colon = line.firstIndex(of: UInt8(ascii: ":")) else { continue }
      let name = String(decoding: line[..<colon], as: UTF8.self).lowercased()
      let value = String(decoding: line[(colon + 1)...].drop { $0 == UInt8(ascii: " ") }, as: UTF8.self)
      switch name {
      case "port": port = UInt16(value)
      case "infohash":
        if hashes.count < 2 * Self.maximumHashes, let hash = InfoHash(hexadecimal: value) {
          hashes.append(hash)
        }
      case "cookie": cookie = value.utf8.count <= Self.cookieLimit ? value : nil
      default: break
      }
    }
    guard let port, port != 0, !hashes.isEmpty else { return nil }
    self.port = port
    infoHashes = hashes
  }

  /// The datagram for a group, with as many info-hashes as fit.
  public func encoded(to group: Endpoint) -> [UInt8] {
    var bytes: [UInt8] = []
    bytes.append(utf8: "BT-SEARCH * HTTP/1.1\r\nHost: \(group)\r\nPort: \(port)\r\n")
    for hash in infoHashes.prefix(Self.maximumHashes) { bytes.append(utf8: "Infohash: \(hash)\r\n") }
    if let cookie { bytes.append(utf8: "cookie: \(cookie)\r\n") }
    bytes.append(utf8: "\r\n\r\n")
    return bytes
  }
}
