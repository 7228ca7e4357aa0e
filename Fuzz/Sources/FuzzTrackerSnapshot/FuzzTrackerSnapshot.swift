import Bytes
import FuzzDriver
import TrackerServer

/// Snapshots of a tracker: any bytes as a file, and as a section whose checksums are right. Either the table has
/// what was said, or nothing.
@main
enum FuzzTrackerSnapshot {
  static func main() {
    let code = fuzz { start, count in
      FuzzTrackerSnapshot.examine(bytes(start, count))
      return 0
    }
    precondition(code == 0)
  }

  static func examine(_ input: [UInt8]) {
    load(input)
    // Six bytes say what the headers claim, the rest is the payload.
    guard input.count >= 6 else { return }
    load(
      file(
        Array(input[6...]), torrents: UInt32(input[0]), peers: UInt32(input[1]), shift: UInt32(input[2] & 15))
    )
  }

  private static func load(_ bytes: [UInt8]) {
    var limits = SwarmLimits()
    limits.torrents = 100
    limits.peers = 1000
    limits.peersPerTorrent = 300
    let table = SwarmTable(limits: limits, shards: 2, seed: 1)
    do {
      let summary = try table.restore(snapshot: bytes, now: 100, wall: 1000)
      precondition(summary.peers <= 1000 && summary.torrents <= 100)
      precondition(table.digest.peers == summary.peers)
    } catch {
      precondition(table.statistics == SwarmStatistics())
    }
    for shard in 0..<table.shardCount { while !table.sweep(shard: shard, budget: 3, now: 2000) {} }
  }

  private static func file(_ payload: [UInt8], torrents: UInt32, peers: UInt32, shift: UInt32) -> [UInt8] {
    var header = Array("ApusSwrm".utf8)
    for value in [1, shift, 0, 990, 0] as [UInt32] { header.append(bigEndian: value) }
    var section = Array("Swrm".utf8)
    for value in [UInt32(payload.count), torrents, peers, 5, CRC32C.of(payload.rawBytes)] {
      section.append(bigEndian: value)
    }
    var end = Array("SwrmDone".utf8)
    for value in [0, 1, 0, peers, torrents] as [UInt32] { end.append(bigEndian: value) }
    return sealed(header) + sealed(section) + payload + sealed(end)
  }

  private static func sealed(_ bytes: [UInt8]) -> [UInt8] {
    var bytes = bytes
    bytes.append(bigEndian: CRC32C.of(bytes.rawBytes))
    return bytes
  }
}
