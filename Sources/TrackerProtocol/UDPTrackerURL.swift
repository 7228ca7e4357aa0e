import Addresses

/// Where a UDP tracker is: `udp://host:port/path?query`.
public struct UDPTrackerURL: Sendable, Equatable {
  /// A name, or an address without brackets.
  public let host: String
  /// Its port; UDP has no usual one for trackers.
  public let port: UInt16
  /// Path and query, which go along with announces (BEP 41).
  public let data: [UInt8]

  /// Bytes of path and query beyond which a URL is refused: an announce has to fit into one datagram.
  static let maximumData = 1000

  /// Reads a URL; `nil` if it is no URL of a UDP tracker.
  public init?(_ url: String) {
    guard let colon = url.firstIndex(of: ":"), url[..<colon].lowercased() == "udp" else { return nil }
    let rest = url[url.index(after: colon)...]
    guard rest.hasPrefix("//") else { return nil }
    let authority = rest.dropFirst(2).prefix { $0 != "/" && $0 != "?" && $0 != "#" }
    let place = authority.split(separator: "@", omittingEmptySubsequences: false).last ?? ""
    guard let separator = place.lastIndex(of: ":"),
      let port = UInt16(place[place.index(after: separator)...]), port != 0
    else { return nil }
    var host = place[..<separator]
    if host.hasPrefix("[") {
      guard host.hasSuffix("]") else { return nil }
      host = host.dropFirst().dropLast()
      guard let address = IPAddress(String(host)), !address.isV4 else { return nil }
    } else if host.contains(":") {
      return nil
    }
    guard !host.isEmpty, host.utf8.count <= 253, !host.utf8.contains(0) else { return nil }
    let data = rest[authority.endIndex...].prefix { $0 != "#" }
    guard data.utf8.count <= Self.maximumData else { return nil }
    self.host = String(host)
    self.port = port
    self.data = data == "/" ? [] : Array(data.utf8)
  }
}
