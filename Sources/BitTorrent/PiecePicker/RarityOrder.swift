import Bytes

/// The pieces that may be begun, by priority and rarity, with how many peers have each piece.
///
/// Each priority has an array sorted by availability, the rarest last, and the bounds of its buckets: a
/// piece that one more or one fewer peer has is swapped across one bound, O(1). Peers that have everything
/// are not counted here: they make no piece rarer than another.
struct RarityOrder: Sendable {
  /// The pieces of one priority.
  struct Level: Sendable {
    /// Sorted by availability, the most common first.
    var pieces: [Int32] = []
    /// How many of `pieces` at least as many peers have as the index says: bucket `a` is what lies between
    /// `atLeast[a + 1]` and `atLeast[a]`.
    var atLeast: [Int32] = [0, 0]
  }

  /// One per priority but `.skip`, `.low` first.
  private(set) var levels = [Level](repeating: Level(), count: PiecePriority.allCases.count - 1)
  /// Leeches that have each piece.
  private(set) var availability: [UInt16]
  /// The pieces in the order, as bits.
  private(set) var free: Bitfield
  private(set) var priorities: [PiecePriority]
  private var places: [Int32]
  /// No word of `free` before it has a bit set.
  private var firstWord = 0
  /// Pieces looked at in all choices so far: what choosing costs.
  private(set) var steps = 0

  /// No piece is in the order, nobody has any.
  init(pieceCount: Int) {
    availability = [UInt16](repeating: 0, count: pieceCount)
    free = Bitfield(count: pieceCount)
    priorities = [PiecePriority](repeating: .normal, count: pieceCount)
    places = [Int32](repeating: -1, count: pieceCount)
  }

  /// Whether no piece may be begun.
  var isEmpty: Bool { free.isEmpty }

  /// Whether some piece in the order is had by a leech.
  var hasAvailable: Bool { levels.contains { $0.atLeast[1] > 0 } }

  /// Sets how much a piece that is not in the order is wanted.
  mutating func setPriority(_ priority: PiecePriority, of piece: Int) {
    precondition(!free[piece])
    priorities[piece] = priority
  }

  /// Puts `piece` in; its priority is not `.skip`. O(its availability).
  mutating func insert(_ piece: Int) {
    precondition(!free[piece] && priorities[piece] != .skip)
    let level = Int(priorities[piece].rawValue) - 1
    free[piece] = true
    firstWord = min(firstWord, piece / 64)
    places[piece] = Int32(levels[level].pieces.count)
    levels[level].pieces.append(Int32(piece))
    levels[level].atLeast[0] += 1
    for count in 0..<Int(availability[piece]) { raise(piece, from: count, level: level) }
  }

  /// Takes `piece` out. O(its availability).
  mutating func remove(_ piece: Int) {
    precondition(free[piece])
    let level = Int(priorities[piece].rawValue) - 1
    for count in (0..<Int(availability[piece])).reversed() { lower(piece, from: count + 1, level: level) }
    swap(piece, with: levels[level].pieces.count - 1, level: level)
    levels[level].pieces.removeLast()
    levels[level].atLeast[0] -= 1
    places[piece] = -1
    free[piece] = false
  }

  /// One more leech has `piece`. O(1).
  mutating func gained(_ piece: Int) {
    let count = Int(availability[piece])
    availability[piece] += 1
    if free[piece] { raise(piece, from: count, level: Int(priorities[piece].rawValue) - 1) }
  }

  /// One leech fewer has `piece`. O(1).
  mutating func lost(_ piece: Int) {
    let count = Int(availability[piece])
    availability[piece] -= 1
    if free[piece] { lower(piece, from: count, level: Int(priorities[piece].rawValue) - 1) }
  }

  /// Mixes each bucket of pieces that nobody has, so that ties are broken at random. O(pieces).
  mutating func shuffle(using generator: inout SeededGenerator) {
    for level in levels.indices {
      let start = Int(levels[level].atLeast[1])
      for place in (start..<levels[level].pieces.count).reversed() where place > start {
        let other = start + generator.number(below: place - start + 1)
        swap(Int(levels[level].pieces[place]), with: other, level: level)
      }
    }
  }

  private mutating func raise(_ piece: Int, from count: Int, level: Int) {
    while levels[level].atLeast.count < count + 3 { levels[level].atLeast.append(0) }
    swap(piece, with: Int(levels[level].atLeast[count + 1]), level: level)
    levels[level].atLeast[count + 1] += 1
  }

  private mutating func lower(_ piece: Int, from count: Int, level: Int) {
    swap(piece, with: Int(levels[level].atLeast[count]) - 1, level: level)
    levels[level].atLeast[count] -= 1
  }

  private mutating func swap(_ piece: Int, with place: Int, level: Int) {
    let old = Int(places[piece])
    guard old != place else { return }
    let other = levels[level].pieces[place]
    levels[level].pieces[place] = Int32(piece)
    levels[level].pieces[old] = other
    places[Int(other)] = Int32(old)
    places[piece] = Int32(place)
  }
}

extension RarityOrder {
  /// Pieces looked at in sorted order before the bits are compared word by word instead.
  private static let probes = 128

  /// The most urgent and then rarest piece of those that `has` names, ties broken at random; any of the
  /// most urgent ones if `isRandom`. Only pieces that are more urgent than `floor`.
  ///
  /// A few probes where the peer has about what others have; else O(pieces / 64 + what it has).
  mutating func choose(
    from has: Bitfield, above floor: PiecePriority = .skip, isRandom: Bool,
    using generator: inout SeededGenerator
  ) -> Int? {
    precondition(has.count == free.count)
    var budget = Self.probes
    for level in levels.indices.reversed() where level >= Int(floor.rawValue) {
      var upper = levels[level].pieces.count
      while upper > 0 {
        let rarest = Int(availability[Int(levels[level].pieces[upper - 1])])
        let start = isRandom ? 0 : Int(levels[level].atLeast[rarest + 1])
        var place = start + generator.number(below: upper - start)
        for _ in start..<upper {
          guard budget > 0 else { return scan(has, above: floor, isRandom: isRandom, using: &generator) }
          budget -= 1
          steps += 1
          let piece = Int(levels[level].pieces[place])
          if has[piece] { return piece }
          place = place + 1 == upper ? start : place + 1
        }
        upper = start
      }
    }
    return nil
  }

  private mutating func scan(
    _ has: Bitfield, above floor: PiecePriority, isRandom: Bool, using generator: inout SeededGenerator
  ) -> Int? {
    var best: Int?
    // The worst of what is above the floor.
    var bestRank = (Int(PiecePriority.high.rawValue) - Int(floor.rawValue)) << 16 - 1
    var ties = 0
    for index in 0..<free.wordCount {
      var bits = free.word(index) & has.word(index)
      steps += 1
      while bits != 0 {
        let piece = index * 64 + bits.leadingZeroBitCount
        bits &= ~(1 << UInt64(63 - bits.leadingZeroBitCount))
        steps += 1
        let rank = rank(piece, isRandom: isRandom)
        guard rank <= bestRank else { continue }
        ties = rank < bestRank ? 1 : ties + 1
        if rank < bestRank || generator.number(below: ties) == 0 { best = piece }
        bestRank = rank
      }
    }
    return best
  }

  /// The first of the most urgent pieces of those that `has` names. Only pieces that are more urgent than
  /// `floor`. O(pieces / 64 and pieces passed over); O(1) amortised where all are as urgent and the peer has them.
  mutating func first(from has: Bitfield, above floor: PiecePriority = .skip) -> Int? {
    precondition(has.count == free.count)
    let highest = highestPriority
    var best: Int?
    var bestPriority = floor
    while firstWord < free.wordCount, free.word(firstWord) == 0 { firstWord += 1 }
    for index in firstWord..<max(firstWord, free.wordCount) {
      var bits = free.word(index) & has.word(index)
      steps += 1
      while bits != 0 {
        let piece = index * 64 + bits.leadingZeroBitCount
        bits &= ~(1 << UInt64(63 - bits.leadingZeroBitCount))
        steps += 1
        guard priorities[piece] > bestPriority else { continue }
        best = piece
        bestPriority = priorities[piece]
        if bestPriority == highest { return best }
      }
    }
    return best
  }

  /// The best of the few `pieces` that a peer which chokes us allows, or suggests; numbers that name no
  /// piece are passed over. O(their count).
  mutating func choose(among pieces: [Int32], from has: Bitfield, isSequential: Bool = false) -> Int? {
    var best: Int?
    for number in pieces {
      let piece = Int(number)
      steps += 1
      guard piece >= 0, piece < free.count, free[piece], has[piece] else { continue }
      guard let other = best else {
        best = piece
        continue
      }
      let isBefore = isSequential ? piece < other : availability[piece] < availability[other]
      let (mine, theirs) = (priorities[piece], priorities[other])
      if mine > theirs || (mine == theirs && isBefore) { best = piece }
    }
    return best
  }

  /// The priority of the most urgent pieces in the order.
  var highestPriority: PiecePriority {
    for level in levels.indices.reversed() where !levels[level].pieces.isEmpty {
      return PiecePriority(rawValue: UInt8(level + 1)) ?? .skip
    }
    return .skip
  }

  @inline(__always)
  private func rank(_ piece: Int, isRandom: Bool = false) -> Int {
    let priority = Int(PiecePriority.high.rawValue - priorities[piece].rawValue)
    return priority << 16 + (isRandom ? 0 : Int(availability[piece]))
  }
}

extension RarityOrder {
  /// What is wrong inside, in words; empty if nothing. O(pieces): for tests.
  func checkInvariants() -> [String] {
    var faults: [String] = []
    for (index, level) in levels.enumerated() {
      let counts = level.pieces.map { Int(availability[Int($0)]) }
      if counts != counts.sorted(by: >) { faults.append("level \(index) is not sorted") }
      for (count, bound) in level.atLeast.enumerated()
      where counts.filter({ $0 >= count }).count != Int(bound) {
        faults.append("level \(index): \(bound) are said to have at least \(count)")
      }
      for (place, piece) in level.pieces.enumerated() {
        if Int(places[Int(piece)]) != place { faults.append("piece \(piece) is not at its place") }
        if !free[Int(piece)] { faults.append("piece \(piece) lacks its bit") }
        if Int(priorities[Int(piece)].rawValue) != index + 1 {
          faults.append("piece \(piece) is in another priority's level")
        }
      }
    }
    if (0..<firstWord).contains(where: { free.word($0) != 0 }) {
      faults.append("a free piece before the first")
    }
    if levels.reduce(0, { $0 + $1.pieces.count }) != free.ones { faults.append("bits and levels differ") }
    return faults
  }
}
