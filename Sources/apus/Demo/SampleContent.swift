import CSystem
import Glibc

/// The demo's folder: a few hundred files of very different size and content, always the same.
struct SampleContent {
  /// A file to be made.
  struct Entry: Sendable {
    let path: String
    let size: Int
    let kind: Kind
  }

  /// What a file is filled with.
  enum Kind: Sendable {
    case noise
    case text
    case table
    case zeros
  }

  /// The files in the order in which they are made.
  let entries: [Entry]
  /// Bytes in all.
  var size: Int64 { entries.reduce(0) { $0 + Int64($1.size) } }

  /// About 256 MiB in 321 files.
  static let standard = SampleContent()

  private init() {
    var random = Noise(seed: 0x5eed)
    var entries: [Entry] = []
    let large = [40, 32, 28, 24, 20, 16, 12, 8]
    for (index, size) in large.enumerated() {
      let kinds: [Kind] = [.noise, .noise, .table, .noise]
      entries.append(
        Entry(path: "images/disk-\(index + 1).img", size: size << 20 + index * 1237, kind: kinds[index % 4]))
    }
    for index in 0..<60 {
      let folder = ["données/été", "画像/東京", "фото", "Ünïcödé ☕", "🐦 swifts"][index % 5]
      let size = 700_000 + Int(random.next() % 900_000)
      entries.append(Entry(path: "\(folder)/\(index) – piece.dat", size: size, kind: .noise))
    }
    for index in 0..<210 {
      let size = Int(random.next() % 60_000)
      let kind: Kind = index.isMultiple(of: 3) ? .text : index.isMultiple(of: 7) ? .zeros : .table
      entries.append(Entry(path: "notes/\(index / 30)/note \(index).txt", size: size, kind: kind))
    }
    for index in 0..<30 {
      entries.append(Entry(path: "tiny/\(index).bin", size: 1 + index % 17, kind: .noise))
    }
    for index in 0..<12 { entries.append(Entry(path: "empty/\(index).empty", size: 0, kind: .zeros)) }
    entries.append(Entry(path: "exactly one block.bin", size: 16384, kind: .noise))
    self.entries = entries
  }

  /// Makes the files under `folder`. `progress` gets bytes written so far and returns whether to go on.
  func write(to folder: String, progress: (Int64) -> Bool) throws(Failure) {
    var done: Int64 = 0
    var made: Set<String> = []
    for (index, entry) in entries.enumerated() {
      let path = folder + "/" + entry.path
      let parent = String(path[..<(path.lastIndex(of: "/") ?? path.startIndex)])
      if made.insert(parent).inserted { try FileSystem.makeFolder(parent) }
      let descriptor = unsafe apus_open(path, O_WRONLY | O_CREAT | O_TRUNC, 0o666)
      guard descriptor >= 0 else { throw FileSystem.failure("cannot write", path) }
      defer { close(descriptor) }
      var random = Noise(seed: UInt64(index) &* 0x9e37_79b9 &+ 1)
      var left = entry.size
      while left > 0 {
        let chunk = Self.chunk(entry.kind, min(left, 1 << 20), &random)
        guard FileSystem.writeAll(descriptor, chunk) else { throw FileSystem.failure("cannot write", path) }
        left -= chunk.count
        done += Int64(chunk.count)
        guard progress(done) else { return }
      }
    }
  }

  private static func chunk(_ kind: Kind, _ size: Int, _ random: inout Noise) -> [UInt8] {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(size + 64)
    switch kind {
    case .zeros: return [UInt8](repeating: 0, count: size)
    case .noise:
      while bytes.count < size {
        var word = random.next()
        for _ in 0..<8 {
          bytes.append(UInt8(truncatingIfNeeded: word))
          word >>= 8
        }
      }
    case .text:
      let words = ["swift", "apus", "torrent", "piece", "block", "peer", "seed", "vol", "été", "空"]
      while bytes.count < size {
        bytes.append(contentsOf: words[Int(random.next() % UInt64(words.count))].utf8)
        bytes.append(random.next().isMultiple(of: 12) ? 0x0a : 0x20)
      }
    case .table:
      while bytes.count < size {
        bytes.append(contentsOf: "\(random.next() % 1_000_000),\(random.next() % 360),ok\n".utf8)
      }
    }
    bytes.removeLast(bytes.count - size)
    return bytes
  }
}

/// Reproducible noise (xorshift64*), for content only.
struct Noise {
  private var state: UInt64

  init(seed: UInt64) { state = seed | 1 << 63 }

  mutating func next() -> UInt64 {
    state ^= state >> 12
    state ^= state << 25
    state ^= state >> 27
    return state &* 0x2545_f491_4f6c_dd1d
  }
}
