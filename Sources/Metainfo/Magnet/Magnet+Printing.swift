import Bytes

extension Magnet: CustomStringConvertible {
  /// The link, with hashes in hexadecimal and everything but unreserved characters escaped. Reading it
  /// gives the same value.
  public var description: String {
    var parts: [String] = []
    if let hash = infoHashV1 { parts.append("xt=urn:btih:\(hash)") }
    if let hash = infoHashV2 { parts.append("xt=urn:btmh:1220\(hash)") }
    if let publicKey { parts.append("xs=urn:btpk:\(publicKey.hexadecimal)") }
    if publicKey != nil, !salt.isEmpty { parts.append("s=\(salt.hexadecimal)") }
    if let displayName { parts.append("dn=" + Self.escape(displayName)) }
    parts += trackers.map { "tr=" + Self.escape($0) }
    parts += webSeeds.map { "ws=" + Self.escape($0) }
    parts += peers.map { "x.pe=" + Self.escape($0, keeping: ":[]") }
    if !selection.isEmpty {
      let ranges = selection.map { range in
        range.count == 1 ? "\(range.lowerBound)" : "\(range.lowerBound)-\(range.upperBound)"
      }
      parts.append("so=" + ranges.joined(separator: ","))
    }
    return "magnet:?" + parts.joined(separator: "&")
  }

  private static func escape(_ text: String, keeping kept: String = "") -> String {
    let plain = Set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~".utf8)
      .union(kept.utf8)
    var escaped: [UInt8] = []
    for byte in text.utf8 {
      if plain.contains(byte) {
        escaped.append(byte)
      } else {
        escaped.append(utf8: "%" + [byte].hexadecimal.uppercased())
      }
    }
    return String(decoding: escaped, as: UTF8.self)
  }
}
