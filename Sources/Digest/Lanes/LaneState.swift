internal import CLanes

/// The running state of 16 messages of SHA-1 or SHA-256: chaining values, unfinished blocks, padding
/// (FIPS 180-4, 5.1.1). Confined to one thread. Nothing is allocated after the start.
@safe
struct LaneState: ~Copyable {
  /// Messages side by side.
  static let width = Int(APUS_LANES)

  /// Which of the two hash functions.
  enum Algorithm {
    case sha1
    case sha256
  }

  private let algorithm: Algorithm
  private let initial: [UInt32]
  private var kernel: apus_lanes_kernel
  /// Transposed: word `w` of message `i` is at `16 * w + i`.
  private let words: UnsafeMutablePointer<UInt32>
  /// What each message takes in next: an address, and whole blocks or bytes from there on.
  private let data: UnsafeMutablePointer<UnsafePointer<UInt8>?>
  private let blocks: UnsafeMutablePointer<Int>
  private let parts: UnsafeMutablePointer<UnsafeRawBufferPointer>
  /// Two blocks for each message: what does not fill a block yet, later its padding.
  private let tails: UnsafeMutablePointer<UInt8>
  /// Bytes of each message so far.
  private let lengths: UnsafeMutablePointer<Int>

  init(_ algorithm: Algorithm, kernel: LaneKernel) {
    precondition(kernel.isSupported)
    self.algorithm = algorithm
    // FIPS 180-4, 5.3.1 and 5.3.3.
    initial =
      switch algorithm {
      case .sha1: [0x6745_2301, 0xefcd_ab89, 0x98ba_dcfe, 0x1032_5476, 0xc3d2_e1f0]
      case .sha256:
        [0x6a09_e667, 0xbb67_ae85, 0x3c6e_f372, 0xa54f_f53a]
          + [0x510e_527f, 0x9b05_688c, 0x1f83_d9ab, 0x5be0_cd19]
      }
    self.kernel = kernel.parameters
    let width = Self.width
    unsafe words = .allocate(capacity: initial.count * width)
    unsafe data = .allocate(capacity: width)
    unsafe blocks = .allocate(capacity: width)
    unsafe parts = .allocate(capacity: width)
    unsafe tails = .allocate(capacity: 128 * width)
    unsafe lengths = .allocate(capacity: width)
    unsafe words.initialize(repeating: 0, count: initial.count * width)
    unsafe data.initialize(repeating: nil, count: width)
    unsafe blocks.initialize(repeating: 0, count: width)
    unsafe parts.initialize(repeating: UnsafeRawBufferPointer(start: nil, count: 0), count: width)
    unsafe tails.initialize(repeating: 0, count: 128 * width)
    unsafe lengths.initialize(repeating: 0, count: width)
  }

  deinit {
    unsafe words.deallocate()
    unsafe data.deallocate()
    unsafe blocks.deallocate()
    unsafe parts.deallocate()
    unsafe tails.deallocate()
    unsafe lengths.deallocate()
  }

  /// Starts a message in a lane; what was in it is forgotten.
  func begin(_ lane: Int) {
    precondition(lane >= 0 && lane < Self.width)
    for index in initial.indices { unsafe words[Self.width * index + lane] = initial[index] }
    unsafe parts[lane] = unsafe UnsafeRawBufferPointer(start: nil, count: 0)
    unsafe lengths[lane] = 0
  }

  /// Names the next bytes of a lane's message: taken in by `update`, until which they must stay.
  func set(_ bytes: UnsafeRawBufferPointer, _ lane: Int) {
    precondition(lane >= 0 && lane < Self.width)
    unsafe parts[lane] = bytes
  }

  /// Takes in what was set.
  mutating func update() {
    if fillTails() { run() }
    var hasBlocks = false
    for lane in 0..<Self.width {
      let part = unsafe parts[lane]
      unsafe data[lane] = part.baseAddress?.assumingMemoryBound(to: UInt8.self)
      unsafe blocks[lane] = part.count / 64
      if unsafe blocks[lane] > 0 { hasBlocks = true }
    }
    if hasBlocks { run() }
    for lane in 0..<Self.width where unsafe !parts[lane].isEmpty {
      let part = unsafe parts[lane]
      let rest = unsafe UnsafeRawBufferPointer(rebasing: part[(part.count & ~63)...])
      unsafe tail(lane, from: 0, count: rest.count).copyMemory(from: rest)
      // Not `+=`: the compiler breaks down over that here under ThreadSanitizer.
      unsafe lengths[lane] = lengths[lane] + part.count
      unsafe parts[lane] = unsafe UnsafeRawBufferPointer(start: nil, count: 0)
    }
  }

  /// Fills blocks that were begun; returns whether there are full ones, which are made next.
  private func fillTails() -> Bool {
    var isAnyFull = false
    for lane in 0..<Self.width {
      unsafe blocks[lane] = 0
      let fill = unsafe lengths[lane] & 63
      let part = unsafe parts[lane]
      guard fill > 0, unsafe !part.isEmpty else { continue }
      let count = min(64 - fill, part.count)
      unsafe tail(lane, from: fill, count: count).copyMemory(
        from: UnsafeRawBufferPointer(rebasing: part[..<count]))
      unsafe lengths[lane] = lengths[lane] + count
      unsafe parts[lane] = unsafe UnsafeRawBufferPointer(rebasing: part[count...])
      guard fill + count == 64 else { continue }
      unsafe data[lane] = UnsafePointer(tails + 128 * lane)
      unsafe blocks[lane] = 1
      isAnyFull = true
    }
    return isAnyFull
  }

  /// Ends the messages in `lanes`: pads them and takes in the last blocks.
  mutating func finish(_ lanes: Range<Int>) {
    precondition(lanes.lowerBound >= 0 && lanes.upperBound <= Self.width)
    for lane in 0..<Self.width { unsafe blocks[lane] = 0 }
    for lane in lanes {
      let length = unsafe lengths[lane]
      let fill = length & 63
      let count = fill < 56 ? 1 : 2
      let padding = unsafe tail(lane, from: fill, count: 64 * count - fill)
      for index in padding.indices { unsafe padding[index] = 0 }
      unsafe padding[0] = 0x80
      unsafe padding.storeBytes(
        of: (UInt64(length) << 3).bigEndian, toByteOffset: padding.count - 8, as: UInt64.self)
      unsafe data[lane] = UnsafePointer(tails + 128 * lane)
      unsafe blocks[lane] = count
    }
    run()
  }

  /// A word of a message's chaining value.
  func word(_ index: Int, _ lane: Int) -> UInt32 {
    precondition(index < initial.count && lane >= 0 && lane < Self.width)
    return unsafe words[Self.width * index + lane]
  }

  /// Two words that follow each other.
  func pair(_ index: Int, _ lane: Int) -> UInt64 {
    UInt64(word(index, lane)) << 32 | UInt64(word(index + 1, lane))
  }

  private mutating func run() {
    switch algorithm {
    case .sha1: unsafe apus_sha1_lanes(words, data, blocks, &kernel)
    case .sha256: unsafe apus_sha256_lanes(words, data, blocks, &kernel)
    }
  }

  private func tail(_ lane: Int, from start: Int, count: Int) -> UnsafeMutableRawBufferPointer {
    precondition(start >= 0 && count >= 0 && start + count <= 128)
    return unsafe UnsafeMutableRawBufferPointer(start: tails + 128 * lane + start, count: count)
  }
}
