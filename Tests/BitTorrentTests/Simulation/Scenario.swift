/// One kind of swarm: who takes part, over which links, and what they do.
struct Scenario {
  /// What a peer does that an honest one with a fair link would not.
  enum Character: Equatable {
    case honest
    /// Uploads nothing at all.
    case freeRider
    /// All that it sends is wrong.
    case liar
    /// Uploads nothing, and tells the tracker that it uploads more than anybody.
    case forger
  }

  /// When a peer goes.
  enum Stay: Equatable {
    case forever
    case untilComplete
    /// Until it has sent as many copies of the content.
    case untilUploaded(copies: Double)
  }

  /// One peer.
  struct Member {
    /// Bytes a second that it can send.
    var up: Double
    /// Bytes a second that it can receive.
    var down: Double
    /// Seconds from it to the middle of the network.
    var delay = 0.02
    /// When it joins.
    var joins = 0.0
    var isSeed = false
    /// Pieces that it has from the start, if it is no seed.
    var pieces: [Int] = []
    var character = Character.honest
    var stay = Stay.forever
    /// Whether it asks the tracker for the best peers.
    var asksForBest = false
    /// How the report names its kind.
    var group = "peers"
  }

  /// How the report names it.
  var name: String
  var members: [Member]
  /// Pieces of `blocks` blocks of 16 KiB.
  var pieces = 200
  var blocks = 16
  /// How likely it is that a block is lost once and comes a time-out later.
  var loss = 0.0
  /// Peers in a tracker's answer, and connections of a peer.
  var announced = 50
  var connections = 100
  /// Seconds between announces; `nil` for none but the first.
  var announceInterval: Double?
  /// Whether the tracker learns who gives most.
  var isRanked = false
  /// Virtual seconds after which the run ends, complete or not.
  var limit = 4000.0

  /// Bytes of the content.
  var size: Double { Double(pieces * blocks) * 16_384 }

  /// Seconds that the best of all protocols would need, were the content a fluid (Mundinger, Weber and
  /// Weiss, 2008): max(S / u_seed, S / d_min, N·S / Σu).
  var bound: Double {
    let seeds = members.filter(\.isSeed)
    let others = members.filter { !$0.isSeed && $0.pieces.isEmpty && $0.character != .liar }
    let contributors = members.filter { $0.character == .honest }
    let source = seeds.isEmpty ? Double.infinity : size / seeds.reduce(0) { $0 + $1.up }
    let slowest = size / (others.map(\.down).min() ?? 1)
    let all = Double(others.count) * size / contributors.reduce(0) { $0 + $1.up }
    return max(source.isFinite ? source : 0, slowest, all)
  }
}

extension Scenario {
  /// A million bits a second, in bytes.
  static let megabit = 125_000.0

  /// A seeder with a link twice as good as theirs and `count` peers at 10/40 Mbit/s, all at once.
  static func flashCrowd(_ count: Int, seedUp: Double = 20, up: Double = 10, down: Double = 40) -> Scenario {
    Scenario(
      name: "flash crowd",
      members: [seeder(seedUp)] + (0..<count).map { peer($0, up: up, down: down) })
  }

  /// All links alike, so that no time is left over: one seeder, all at 20/20 Mbit/s.
  static func tight(_ count: Int) -> Scenario {
    var scenario = flashCrowd(count, seedUp: 20, up: 20, down: 20)
    scenario.name = "flash crowd, all links alike"
    return scenario
  }

  /// Half of the peers have a tenth of the link of the others.
  static func heterogeneous(_ count: Int) -> Scenario {
    var scenario = flashCrowd(count)
    scenario.name = "links 10:1"
    for number in 1...count {
      scenario.members[number].group = number % 2 == 0 ? "fast" : "slow"
      guard number % 2 == 1 else { continue }
      scenario.members[number].up /= 10
      scenario.members[number].down /= 10
    }
    return scenario
  }

  /// Everybody goes the moment that it is complete.
  static func leaving(_ count: Int) -> Scenario {
    var scenario = flashCrowd(count)
    scenario.name = "peers leave at completion"
    for number in 1...count { scenario.members[number].stay = .untilComplete }
    return scenario
  }

  /// The seeder goes when it has sent 1.1 copies.
  static func seederLeaves(_ count: Int, copies: Double = 1.1) -> Scenario {
    var scenario = flashCrowd(count)
    scenario.name = "seeder leaves after \(copies) copies"
    scenario.members[0].stay = .untilUploaded(copies: copies)
    return scenario
  }

  /// One in five uploads nothing.
  static func freeRiders(_ count: Int) -> Scenario {
    var scenario = flashCrowd(count)
    scenario.name = "free riders 20 %"
    for number in 1...count {
      scenario.members[number].group = number % 5 == 0 ? "free riders" : "contributors"
      if number % 5 == 0 { scenario.members[number].character = .freeRider }
    }
    return scenario
  }

  /// One peer with 200 kbit/s alone has one piece; the others' seeder has all else.
  static func rarePiece(_ count: Int) -> Scenario {
    var scenario = flashCrowd(count)
    scenario.name = "slow peer has the rare piece"
    scenario.members[0].isSeed = false
    scenario.members[0].pieces = Array(1..<scenario.pieces)
    scenario.members[0].group = "source"
    var slow = peer(0, up: 0.2, down: 40)
    slow.pieces = [0]
    slow.group = "source"
    scenario.members.insert(slow, at: 1)
    return scenario
  }

  /// Half come when the first are half done.
  static func lateJoiners(_ count: Int) -> Scenario {
    var scenario = flashCrowd(count)
    scenario.name = "late joiners"
    let later = scenario.bound / 2
    for number in 1...count {
      scenario.members[number].group = number % 2 == 0 ? "late" : "early"
      if number % 2 == 0 { scenario.members[number].joins += later }
    }
    return scenario
  }

  /// One in twenty sends wrong data.
  static func liars(_ count: Int) -> Scenario {
    var scenario = flashCrowd(count)
    scenario.name = "liars 5 %"
    for number in 1...count where number % 20 == 0 {
      scenario.members[number].character = .liar
      scenario.members[number].pieces = Array(0..<scenario.pieces)
      scenario.members[number].group = "liars"
    }
    return scenario
  }

  private static func seeder(_ up: Double) -> Member {
    Member(up: up * megabit, down: up * megabit, isSeed: true, group: "seeder")
  }

  /// Peers come within the first second, one after the other.
  private static func peer(_ number: Int, up: Double, down: Double) -> Member {
    Member(
      up: up * megabit, down: down * megabit, delay: 0.005 + Double(number * 7 % 31) * 0.001,
      joins: 0.1 + Double(number * 37 % 100) * 0.01)
  }
}

extension Scenario {
  /// All kinds of swarm, with `count` peers each.
  static func all(_ count: Int) -> [Scenario] {
    [
      flashCrowd(count), tight(count), heterogeneous(count), leaving(count), seederLeaves(count),
      freeRiders(count), rarePiece(count), lateJoiners(count), liars(count),
    ]
  }

  /// The same with another size of content: what members have from the start and when late ones come
  /// grows with it.
  mutating func resize(pieces count: Int) {
    let old = bound
    for number in members.indices where members[number].pieces.count > 1 {
      let first = members[number].pieces[0]
      members[number].pieces = Array(first..<count)
    }
    pieces = count
    for number in members.indices where members[number].joins > 2 {
      members[number].joins += (bound - old) / 2
    }
  }
}
