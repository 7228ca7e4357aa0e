public import Addresses
import Bencode
import Bytes

/// What a tracker adds to its reply for a client that sends `x_` keys: the dictionary `x` (docs/EXTENSIONS.md).
public struct ReplyExtensions: Sendable, Equatable {
  /// Torrents that one batch may have (X6): POST it to the announce URL. 0 if the tracker takes none.
  public var batch = 0
  /// Seconds that must lie between announces about pieces (X1 to X3); `nil` if the tracker keeps no pieces.
  public var pieceInterval: Int?
  /// The peers came best first (X4).
  public var isRanked = false
  /// The tracker does not know what the client has: all of it is to be sent again.
  public var wantsAll = false
  /// Peers that have pieces that were asked for.
  public var holders: [Int: [Endpoint]] = [:]

  /// Holders of one piece that are read.
  public static let maximumHolders = 50

  /// Offers nothing.
  public init() {}

  /// Reads the dictionary; what makes no sense in it is left out.
  init(_ value: BencodeValue) {
    batch = Int(clamping: max(0, min(value["batch"]?.integer ?? 0, 1 << 20)))
    pieceInterval = (value["pieces"]?.integer).map { Int(clamping: max(1, min($0, 86_400))) }
    isRanked = value["ranked"]?.integer == 1
    wantsAll = value["resend"]?.integer == 1
    for (key, compact) in (value["holders"]?.entries ?? []).prefix(ExtensionQuery.maximumNeed) {
      guard let piece = Int(String(decoding: key, as: UTF8.self)), piece >= 0, piece < PieceSet.limit else {
        continue
      }
      var found = AnnounceReply(interval: 0)
      for (name, isV6) in [("peers", false), ("peers6", true)] {
        for endpoint in AnnounceReply.endpoints(compact[name]?.string ?? [], isV6: isV6)
          .prefix(Self.maximumHolders)
        { found.take(endpoint) }
      }
      holders[piece] = found.peers
    }
  }

  /// The dictionary as it is sent.
  var bencode: Bencode {
    var dictionary: Bencode = [:]
    if batch > 0 { dictionary["batch"] = .integer(Int64(batch)) }
    if let pieceInterval { dictionary["pieces"] = .integer(Int64(pieceInterval)) }
    if isRanked { dictionary["ranked"] = 1 }
    if wantsAll { dictionary["resend"] = 1 }
    if !holders.isEmpty {
      var entries: Bencode = [:]
      for (piece, endpoints) in holders {
        var (v4, v6): ([UInt8], [UInt8]) = ([], [])
        for endpoint in endpoints {
          if endpoint.address.isV4 {
            endpoint.appendCompact(to: &v4)
          } else {
            endpoint.appendCompact(to: &v6)
          }
        }
        var entry: Bencode = [:]
        if !v4.isEmpty { entry["peers"] = .string(v4) }
        if !v6.isEmpty { entry["peers6"] = .string(v6) }
        entries["\(piece)"] = entry
      }
      dictionary["holders"] = entries
    }
    return dictionary
  }

  /// Puts the dictionary into a bencoded reply, behind all other keys of an announce reply: `x` sorts last.
  public func append(to reply: inout [UInt8]) {
    guard reply.last == UInt8(ascii: "e") else { return }
    reply.removeLast()
    reply.append(utf8: "1:x")
    bencode.append(to: &reply)
    reply.append(UInt8(ascii: "e"))
  }
}
