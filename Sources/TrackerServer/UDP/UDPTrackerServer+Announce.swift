import Addresses
import Bytes
import Digest
import TrackerProtocol

extension UDPTrackerServer {
  /// Bytes before the peers.
  private static let announceHeader = 20

  /// Enters the client, whose connection id is good, and tells it of others of its family.
  @inline(__always)
  mutating func announce(
    _ request: RawSpan, _ source: Endpoint, _ moment: Moment, _ random: UInt64, _ answer: inout MutableRawSpan
  ) -> Int {
    let port = request.bigEndian(UInt16.self, at: 96)
    guard port != 0 else { return error("port 0 cannot be connected to", to: request, &answer) }
    let isV6 = !source.address.isV4
    let size = Endpoint.compactSize(isV6: isV6)
    let wanted = request.bigEndian(Int32.self, at: 92)
    let most = (Self.maximumAnswer - Self.announceHeader) / size
    // Where it says that it is counts for nothing (the address at offset 84): it is where it sends from.
    let announcement = Announcement(
      infoHash: InfoHash(request, at: 16), peer: Endpoint(source.address, port: port),
      peerID: AnnouncedPeerID(request, at: 36), uploaded: request.bigEndian(UInt64.self, at: 72),
      downloaded: request.bigEndian(UInt64.self, at: 56), left: request.bigEndian(UInt64.self, at: 64),
      event: Self.event(request.bigEndian(UInt32.self, at: 80)),
      wanted: min(wanted < 0 ? core.configuration.usualWanted : Int(wanted), most),
      families: isV6 ? .v6 : .v4,
      passkey: request.byteCount > UDPTrackerMessage.announceSize ? URLData(request).passkey : nil)
    tally.announces += 1
    if let refusal = core.announce(
      announcement, now: moment.seconds, random: random, into: &reply)
    {
      return error(refusal.shortReason, to: request, &answer)
    }
    answer.put(UDPTrackerMessage.announce, at: 0)
    answer.put(request.bigEndian(UInt32.self, at: 12), at: 4)
    answer.put(UInt32(clamping: core.intervals(after: reply).usual), at: 8)
    answer.put(UInt32(clamping: reply.counts.leeches), at: 12)
    answer.put(UInt32(clamping: reply.counts.seeds), at: 16)
    if isV6 { return answer.put(reply.peersV6.rawBytes, at: Self.announceHeader) }
    return answer.put(reply.peersV4.rawBytes, at: Self.announceHeader)
  }

  private static func event(_ code: UInt32) -> AnnounceEvent {
    switch code {
    case 1: .completed
    case 2: .started
    case 3: .stopped
    default: .regular
    }
  }
}
