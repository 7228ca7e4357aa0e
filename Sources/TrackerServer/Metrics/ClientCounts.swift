import Bytes
import PeerProtocol
internal import Synchronization

/// Which programs announce, from the starts of their peer ids. A table of fixed size: what finds no place in it is
/// counted as others, so that made-up ids cost nothing. Every hour it starts anew beside the last hour's.
final class ClientCounts: Sendable {
  static let places = 256
  private static let period: UInt32 = 3600

  private struct Hour: Sendable {
    var counts: [UInt32: Int] = [:]
    var others = 0
    var total = 0
  }

  private struct State: Sendable {
    var now = Hour()
    var before = Hour()
    var startedAt: UInt32?
  }

  private let state = Mutex(State())

  /// Counts an announce; meant for samples, as it takes a lock.
  func count(_ id: AnnouncedPeerID, now: UInt32) {
    let key = Self.key(id)
    state.withLock { state in
      if let start = state.startedAt, now &- start >= Self.period {
        state.before = state.now
        state.now = Hour()
        state.startedAt = now
      } else if state.startedAt == nil {
        state.startedAt = now
      }
      state.now.total += 1
      if state.now.counts[key] == nil, state.now.counts.count >= Self.places {
        state.now.others += 1
      } else {
        state.now.counts[key, default: 0] += 1
      }
    }
  }

  /// Programs by name and their counts of the last one to two hours, the most frequent first.
  var names: [(name: String, count: Int)] {
    let hours = state.withLock { [$0.now, $0.before] }
    var sums: [String: Int] = [:]
    for hour in hours {
      for (key, count) in hour.counts { sums[Self.name(key), default: 0] += count }
      if hour.others > 0 { sums[Self.others, default: 0] += hour.others }
    }
    let names = sums.sorted { one, other in
      one.value == other.value ? one.key < other.key : one.value > other.value
    }
    return names.map { (name: $0.key, count: $0.value) }
  }

  static let others = "others"

  /// What tells programs apart: the letters of `-XXvvvv-`, or the first four bytes.
  private static func key(_ id: AnnouncedPeerID) -> UInt32 {
    let start = UInt32(truncatingIfNeeded: id.first >> 32)
    // A dash, two letters, no version.
    return start >> 24 == 0x2d ? start & 0xffff_ff00 : start
  }

  private static func name(_ key: UInt32) -> String {
    var bytes: [UInt8] = []
    bytes.append(bigEndian: key)
    if bytes[0] == 0x2d {
      bytes = Array(bytes[..<3]) + Array("0000-".utf8)
    } else {
      bytes += Array("0-0------".utf8)
    }
    bytes += [UInt8](repeating: 0x2d, count: PeerID.byteCount - bytes.count)
    guard let id = PeerID(bytes), let name = ClientName.of(id) else { return others }
    return name.split(separator: " ").filter { $0.first?.isNumber != true }.joined(separator: " ")
  }
}
