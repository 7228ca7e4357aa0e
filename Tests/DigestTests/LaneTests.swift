import Bytes
import Testing

@testable import Digest

/// Digests of many messages at once against libcrypto's of each, with every kernel that this processor has.
@Suite("Hashing side by side")
struct LaneTests {
  static let kernels = LaneKernel.allCases.filter(\.isSupported)

  /// Bytes that differ from place to place and from `seed` to `seed`.
  static func bytes(_ count: Int, seed: UInt64) -> [UInt8] {
    var generator = SplitMix(state: seed)
    var bytes: [UInt8] = []
    bytes.reserveCapacity(count + 8)
    while bytes.count < count { bytes.append(bigEndian: generator.next()) }
    return Array(bytes.prefix(count))
  }

  /// libcrypto's digests. Functions of their own: spans do not go well with `#expect`.
  static func sha1(_ bytes: [UInt8]) -> SHA1Digest { SHA1.hash(bytes.rawBytes) }
  static func sha256(_ bytes: [UInt8]) -> SHA256Digest { SHA256.hash(bytes.rawBytes) }

  /// Hashes each message in the lane of its index, in parts: `cuts` says how many bytes of a message to
  /// give in each round.
  static func check(_ messages: [[UInt8]], _ kernel: LaneKernel, cut: (_ lane: Int, _ left: Int) -> Int) {
    var sha1 = SHA1Lanes(kernel: kernel)
    var sha256 = SHA256Lanes(kernel: kernel)
    for lane in messages.indices {
      sha1.begin(lane: lane)
      sha256.begin(lane: lane)
    }
    var done = [Int](repeating: 0, count: messages.count)
    repeat {
      // The parts of one round stay in memory of their own until the update.
      var parts: [UnsafeMutableRawBufferPointer] = []
      defer { for part in parts { part.deallocate() } }
      for lane in messages.indices {
        let left = messages[lane].count - done[lane]
        let count = min(left, cut(lane, left))
        let part = UnsafeMutableRawBufferPointer.allocate(byteCount: count, alignment: 1)
        part.copyBytes(from: messages[lane][done[lane]..<done[lane] + count])
        parts.append(part)
        sha1.set(UnsafeRawBufferPointer(part), lane: lane)
        sha256.set(UnsafeRawBufferPointer(part), lane: lane)
        done[lane] += count
      }
      sha1.update()
      sha256.update()
    } while messages.indices.contains { done[$0] < messages[$0].count }
    sha1.finish(0..<messages.count)
    sha256.finish(0..<messages.count)
    for lane in messages.indices {
      let (one, two) = (sha1.digest(lane: lane), sha256.digest(lane: lane))
      let (first, second) = (Self.sha1(messages[lane]), Self.sha256(messages[lane]))
      #expect(one == first, "\(kernel), lane \(lane)")
      #expect(two == second, "\(kernel), lane \(lane)")
    }
  }

  @Test("every length from 0 to 300 in every lane", arguments: kernels)
  func shortLengths(_ kernel: LaneKernel) {
    for first in stride(from: 0, through: 300, by: 5) {
      let messages = (0..<16).map { Self.bytes(($0 * 19 + first) % 301, seed: UInt64(first + $0)) }
      Self.check(messages, kernel) { _, left in left }
    }
  }

  @Test("every number of lanes", arguments: kernels)
  func laneCounts(_ kernel: LaneKernel) {
    for count in 1...16 {
      Self.check((0..<count).map { Self.bytes(1000, seed: UInt64($0)) }, kernel) { _, left in left }
    }
  }

  @Test("random lengths in random parts", arguments: kernels)
  func randomParts(_ kernel: LaneKernel) {
    for seed in 0..<40 as Range<UInt64> {
      var generator = SplitMix(state: seed)
      let most = [100, 1000, 20_000][Int(seed % 3)]
      let messages = (0..<Int.random(in: 1...16, using: &generator)).map { _ in
        Self.bytes(Int.random(in: 0...most, using: &generator), seed: generator.next())
      }
      Self.check(messages, kernel) { _, left in Int.random(in: 0...max(130, left), using: &generator) }
    }
  }

  @Test("a lane is used again while the others go on", arguments: kernels)
  func reuse(_ kernel: LaneKernel) {
    let long = Self.bytes(4000, seed: 1)
    let short = (0..<8).map { Self.bytes(500, seed: 2 + UInt64($0)) }
    var lanes = SHA256Lanes(kernel: kernel)
    lanes.begin(lane: 3)
    for (index, message) in short.enumerated() {
      lanes.begin(lane: 9)
      long.withUnsafeBytes { bytes in
        message.withUnsafeBytes { other in
          lanes.set(UnsafeRawBufferPointer(rebasing: bytes[500 * index..<500 * (index + 1)]), lane: 3)
          lanes.set(other, lane: 9)
          lanes.update()
        }
      }
      lanes.finish(9..<10)
      let digest = lanes.digest(lane: 9)
      #expect(digest == Self.sha256(message))
    }
    lanes.finish(3..<4)
    let digest = lanes.digest(lane: 3)
    #expect(digest == Self.sha256(long))
  }

  @Test("the leaves of a stretch of bytes", arguments: [0, 1, 16384, 16385, 40 * 16384, 40 * 16384 - 1])
  func leaves(_ count: Int) {
    let bytes = Self.bytes(count, seed: 7)
    var row = [UInt8](repeating: 0, count: 41 * 32)
    var lanes = SHA256Lanes()
    bytes.withUnsafeBytes { bytes in row.withUnsafeMutableBytes { lanes.hash(leaves: bytes, into: $0) } }
    for (index, start) in stride(from: 0, to: count, by: 16384).enumerated() {
      let leaf = Array(bytes[start..<min(start + 16384, count)])
      let digest = SHA256Digest(row.rawBytes, at: 32 * index)
      #expect(digest == Self.sha256(leaf))
    }
  }

  @Test("parents of a row, in place", arguments: kernels)
  func parents(_ kernel: LaneKernel) {
    for count in [0, 1, 2, 3, 8, 15, 16, 17, 33, 100] {
      let row = Self.bytes(64 * count, seed: UInt64(count))
      var parents = row
      parents.withUnsafeMutableBytes { SHA256.parents($0, count: count, kernel: kernel) }
      for index in 0..<count {
        let pair = Array(row[64 * index..<64 * (index + 1)])
        let digest = SHA256Digest(parents.rawBytes, at: 32 * index)
        #expect(digest == Self.sha256(pair))
      }
    }
  }

  @Test("what FIPS 180-4 gives as examples", arguments: kernels)
  func examples(_ kernel: LaneKernel) {
    var sha1 = SHA1Lanes(kernel: kernel)
    var sha256 = SHA256Lanes(kernel: kernel)
    let message = Array("abc".utf8)
    sha1.begin(lane: 15)
    sha256.begin(lane: 15)
    message.withUnsafeBytes { bytes in
      sha1.set(bytes, lane: 15)
      sha256.set(bytes, lane: 15)
      sha1.update()
      sha256.update()
    }
    sha1.finish(15..<16)
    sha256.finish(15..<16)
    let (one, two) = (sha1.digest(lane: 15), sha256.digest(lane: 15))
    #expect(one.description == "a9993e364706816aba3e25717850c26c9cd0d89d")
    #expect(two.description == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
  }
}

/// A small generator that repeats itself.
struct SplitMix: RandomNumberGenerator {
  var state: UInt64

  mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
    return mixed ^ (mixed >> 31)
  }
}
