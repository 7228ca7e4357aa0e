/// The most that an operation may cost: `make test` fails where a count is above its threshold.
///
/// Allocations and retains are the same in every run, so their thresholds are the present counts, a little
/// above them where they are many. The engine's depend on how the threads meet and get half as much again;
/// instructions depend on processor and C library and get a quarter.
struct Threshold {
  var allocations: Double
  var retains: Double
  var instructions: Double?

  init(allocations: Double, retains: Double, instructions: Double? = nil) {
    self.allocations = allocations
    self.retains = retains
    self.instructions = instructions
  }

  /// By the benchmarks' names.
  static let all: [String: Threshold] = [
    "frames: decode a piece message": Threshold(allocations: 0, retains: 0, instructions: 240),
    "frames: decode a have message": Threshold(allocations: 0, retains: 0, instructions: 220),
    "frames: encode a request": Threshold(allocations: 0, retains: 0, instructions: 440),
    "uTP: a packet of 1,472 bytes": Threshold(allocations: 0, retains: 1.3),
    "picker: pick and receive a block, peers: 1": Threshold(allocations: 0, retains: 0.1, instructions: 800),
    "picker: pick and receive a block, peers: 10": Threshold(allocations: 0, retains: 0.1, instructions: 800),
    "picker: pick and receive a block, peers: 100": Threshold(
      allocations: 0, retains: 0.25, instructions: 1150),
    "request window: a block": Threshold(allocations: 0, retains: 0, instructions: 180),
    "rate meter: a block": Threshold(allocations: 0, retains: 0, instructions: 80),
    "choker: a round of 100 peers, downloading": Threshold(allocations: 60, retains: 10),
    "choker: a round of 100 peers, seeding": Threshold(allocations: 30, retains: 20),
    "choker: a round of 500 peers, downloading": Threshold(allocations: 75, retains: 10),
    "choker: a round of 500 peers, seeding": Threshold(allocations: 40, retains: 45),
    "bencode: decode 10,000 files": Threshold(allocations: 23, retains: 1),
    "bencode: encode 10,000 files": Threshold(allocations: 10_020, retains: 200_100),
    "metainfo: parse 10,000 files": Threshold(allocations: 90_100, retains: 342_500),
    "hash: a block of a v1 piece": Threshold(allocations: 0, retains: 0),
    "hash: a block of a v2 piece": Threshold(allocations: 0, retains: 0),
    "hash: a block of a hybrid piece": Threshold(allocations: 0, retains: 0),
    "hash: a block of two v1 pieces at once": Threshold(allocations: 0, retains: 0),
    "hash: a block of sixteen v1 pieces at once": Threshold(allocations: 0, retains: 0),
    "hash: a block of sixteen hybrid pieces at once": Threshold(allocations: 0, retains: 0),
    "merkle: the root of 1,024 leaves": Threshold(allocations: 1, retains: 0),
    "merkle: a proof of 10 uncles": Threshold(allocations: 0, retains: 0),
    "swarm table: announce, 1,000,000 torrents": Threshold(allocations: 0, retains: 1, instructions: 1250),
    "swarm table: announce, 10,000 peers": Threshold(allocations: 0, retains: 1, instructions: 2030),
    "swarm table: a new torrent": Threshold(allocations: 0.001, retains: 1),
    "swarm table: a torrent expires": Threshold(allocations: 0, retains: 0.01),
    "swarm table: a torrent in a snapshot": Threshold(allocations: 0.01, retains: 0.01),
    "udp tracker: announce over IPv4": Threshold(allocations: 0, retains: 2.1, instructions: 3200),
    "udp tracker: announce over IPv6": Threshold(allocations: 0, retains: 2.1, instructions: 3200),
    "udp tracker: scrape of 5 swarms": Threshold(allocations: 0, retains: 5, instructions: 5500),
    "udp tracker: connect": Threshold(allocations: 0, retains: 0, instructions: 1200),
    "udp tracker: bad connection id": Threshold(allocations: 0, retains: 0, instructions: 1800),
    "tracker: an HTTP announce on a kept connection": Threshold(allocations: 0.01, retains: 24),
    "blocklist: look up an address, 500,000 ranges": Threshold(
      allocations: 0, retains: 0, instructions: 190),
    "blocklist: look up an IPv6 address, 500,000 ranges": Threshold(
      allocations: 0, retains: 0, instructions: 190),
    "blocklist: read a list of 500,000 ranges": Threshold(allocations: 1300, retains: 100),
    "storage: check and write a piece of 256 KiB": Threshold(allocations: 4, retains: 16),
    "storage: read 16 blocks for a peer": Threshold(allocations: 3, retains: 12),
    "engine: a block, the seeder's loop": Threshold(allocations: 0.25, retains: 1.5),
    "engine: a block, the downloader's loop": Threshold(allocations: 0.75, retains: 8),
    "engine: a block, the disk threads": Threshold(allocations: 0.8, retains: 2),
  ]

  /// What is above, in words.
  func violations(_ cost: Cost) -> [String] {
    var found: [String] = []
    func compare(_ what: String, _ count: Double?, _ limit: Double?) {
      guard let count, let limit, count > limit else { return }
      found.append("\(what) \(Report.figure(count)) > \(Report.figure(limit))")
    }
    compare("allocations", cost.allocations, allocations)
    compare("retains", cost.retains, retains)
    compare("instructions", cost.instructions, instructions)
    return found
  }
}
