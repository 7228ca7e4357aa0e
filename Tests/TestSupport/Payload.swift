import Foundation

/// Content that depends on a seed only, of which no two 16 KiB blocks are alike.
public struct Payload: Sendable {
  /// What the content depends on.
  public let seed: UInt64
  private let noise: [UInt8]

  /// Prepares a payload; all content comes from `seed`.
  public init(seed: UInt64) {
    self.seed = seed
    var state = seed
    noise = (0..<(Payload.unit / 8)).flatMap { _ in
      // SplitMix64
      state &+= 0x9e37_79b9_7f4a_7c15
      var z = state
      z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
      z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
      return withUnsafeBytes(of: z ^ (z >> 31)) { [UInt8]($0) }
    }
  }

  private static let unit = 16384

  /// The bytes at `range` of an endless file number `file`.
  public func bytes(_ range: Range<Int>, file: Int = 0) -> [UInt8] {
    var result: [UInt8] = []
    result.reserveCapacity(range.count)
    var offset = range.lowerBound
    while offset < range.upperBound {
      let block = offset / Payload.unit
      let start = offset % Payload.unit
      let end = min(Payload.unit, start + range.upperBound - offset)
      // The noise, turned by an amount that depends on the place, and stamped with the place.
      let turn = (block &* 2654 &+ file &* 911) % Payload.unit
      let first = result.count
      let from = (start + turn) % Payload.unit
      let head = min(end - start, Payload.unit - from)
      result += noise[from..<(from + head)]
      result += noise[0..<(end - start - head)]
      let stamp = UInt64(truncatingIfNeeded: block) << 20 | UInt64(truncatingIfNeeded: file)
      for index in start..<max(start, min(end, 8)) {
        result[first + index - start] = UInt8(truncatingIfNeeded: stamp >> UInt64(8 * index))
      }
      offset += end - start
    }
    return result
  }

  /// Writes one file of `size` bytes.
  public func write(to path: String, size: Int, file: Int = 0) throws {
    let parent = URL(fileURLWithPath: path).deletingLastPathComponent().path
    try FileManager.default.createDirectory(atPath: parent, withIntermediateDirectories: true)
    let descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0o644)
    guard descriptor >= 0 else {
      throw TestFailure("cannot write \(path): \(String(cString: strerror(errno)))")
    }
    defer { close(descriptor) }
    var offset = 0
    while offset < size {
      let part = bytes(offset..<min(size, offset + (4 << 20)), file: file)
      guard Glibc.write(descriptor, part, part.count) == part.count else {
        throw TestFailure("short write: \(path)")
      }
      offset += part.count
    }
  }

  /// Writes a folder of files that are awkward: large, tiny, empty, of odd sizes, deep, and with names
  /// that are not ASCII. `size` is the size of the largest, the others add less than 1 MiB.
  public func writeFolder(to path: String, size: Int) throws {
    let files: [(name: String, size: Int)] = [
      ("large.bin", size),
      ("tiny", 1),
      ("empty", 0),
      ("one block", 16384),
      ("a block and a byte.dat", 16385),
      ("deep/er/and/deeper/odd.bin", 123_457),
      ("Grüße/日本語.txt", 40_000),
      ("Grüße/also empty", 0),
      ("z last", 262_144),
    ]
    for (index, file) in files.enumerated() {
      try write(to: path + "/" + file.name, size: file.size, file: index)
    }
  }
}
