import Addresses
import Bytes

/// What a UDP tracker answers (BEP 15).
public enum UDPTrackerReply: Sendable, Equatable {
  /// A connection id, good for two minutes.
  case connection(UInt64)
  /// The swarm, with peers of the family that the question came over.
  case announce(AnnounceReply)
  /// Counts in the order of the swarms that were asked for.
  case scrape([SwarmCounts])
  /// It refuses, for this reason.
  case error(String)

  /// Reads a tracker's datagram, whose peers are of one family. Peers that nobody can connect to, those beyond
  /// `AnnounceReply.maximumPeers` and a tail that is no whole peer are left out; numbers that make no sense
  /// are brought into range.
  public static func decode(
    _ bytes: RawSpan, isV6: Bool
  ) throws(TrackerFault) -> (reply: UDPTrackerReply, transaction: UInt32) {
    guard bytes.byteCount >= 8 else { throw .malformed("it is shorter than 8 bytes") }
    let transaction = bytes.bigEndian(UInt32.self, at: 4)
    switch bytes.bigEndian(UInt32.self, at: 0) {
    case UDPTrackerAction.connect:
      guard bytes.byteCount >= 16 else { throw .malformed("it is cut off") }
      return (.connection(bytes.bigEndian(UInt64.self, at: 8)), transaction)
    case UDPTrackerAction.announce:
      guard bytes.byteCount >= 20 else { throw .malformed("it is cut off") }
      return (.announce(announce(bytes, isV6: isV6)), transaction)
    case UDPTrackerAction.scrape:
      let limit = UDPTrackerRequest.maximumScrape
      var counts: [SwarmCounts] = []
      for offset in stride(from: 8, through: bytes.byteCount - 12, by: 12).prefix(limit) {
        counts.append(
          SwarmCounts(
            seeds: count(bytes, at: offset), leeches: count(bytes, at: offset + 8),
            downloaded: count(bytes, at: offset + 4)))
      }
      return (.scrape(counts), transaction)
    case UDPTrackerAction.error:
      let text = bytes.array(8..<min(bytes.byteCount, 8 + 512))
      return (.error(String(decoding: text.prefix { $0 != 0 }, as: UTF8.self)), transaction)
    default: throw .malformed("its action is unknown")
    }
  }

  private static func announce(_ bytes: RawSpan, isV6: Bool) -> AnnounceReply {
    var reply = AnnounceReply(
      interval: count(bytes, at: 8), seeds: count(bytes, at: 16), leeches: count(bytes, at: 12))
    let size = Endpoint.compactSize(isV6: isV6)
    for offset in stride(from: 20, through: bytes.byteCount - size, by: size) {
      reply.take(Endpoint(compact: bytes, at: offset, isV6: isV6))
    }
    return reply
  }

  /// Trackers of old send negative numbers where they do not know.
  private static func count(_ bytes: RawSpan, at offset: Int) -> Int {
    max(0, Int(bytes.bigEndian(Int32.self, at: offset)))
  }

  /// The datagram. Of an announce's peers those of the family that the client asked over go along.
  public func encoded(transaction: UInt32, isV6: Bool) -> [UInt8] {
    var bytes: [UInt8] = []
    switch self {
    case .connection(let id):
      bytes.append(bigEndian: UDPTrackerAction.connect)
      bytes.append(bigEndian: transaction)
      bytes.append(bigEndian: id)
    case .announce(let reply):
      bytes.append(bigEndian: UDPTrackerAction.announce)
      bytes.append(bigEndian: transaction)
      bytes.append(bigEndian: Int32(clamping: reply.interval))
      bytes.append(bigEndian: Int32(clamping: reply.leeches ?? 0))
      bytes.append(bigEndian: Int32(clamping: reply.seeds ?? 0))
      bytes.append(contentsOf: isV6 ? reply.peersV6 : reply.peersV4)
    case .scrape(let counts):
      bytes.append(bigEndian: UDPTrackerAction.scrape)
      bytes.append(bigEndian: transaction)
      for count in counts.prefix(UDPTrackerRequest.maximumScrape) {
        bytes.append(bigEndian: Int32(clamping: count.seeds))
        bytes.append(bigEndian: Int32(clamping: count.downloaded))
        bytes.append(bigEndian: Int32(clamping: count.leeches))
      }
    case .error(let reason):
      bytes.append(bigEndian: UDPTrackerAction.error)
      bytes.append(bigEndian: transaction)
      bytes.append(utf8: reason)
    }
    return bytes
  }
}
