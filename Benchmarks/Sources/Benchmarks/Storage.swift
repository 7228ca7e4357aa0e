import Bencode
import Bytes
import Digest
import EventLoop
import Foundation
import Metainfo
import PieceStorage

/// What disk threads do: a piece checked and written, blocks read for a peer. In memory where there is
/// `/dev/shm`.
enum Storage {
  static let all = [write, read]

  private static let pieceLength = 256 << 10
  private static let pieces = 16

  private static let write = Benchmark("storage: check and write a piece of 256 KiB", operations: 200) {
    let stage = Stage()
    let pool = PieceBufferPool(limit: 4 << 20)
    let thread = DiskThread()
    let content = [UInt8](repeating: 0, count: pieceLength)
    func run(_ count: Int) {
      for number in 0..<count {
        let piece = number % pieces
        guard let buffer = pool.take(pieceLength),
          let expected = PieceExpectation(piece: piece, info: stage.metainfo.info, layers: PieceLayers())
        else { preconditionFailure("no buffer") }
        buffer.store(content.rawBytes, at: 0)
        let job = PieceWrite(
          piece: piece, buffer: buffer, storage: stage.storage, journal: nil, expected: expected,
          loop: stage.loop
        ) { _, _ in }
        job.run(on: thread)
        precondition(job.outcome == .written)
      }
    }
    run(pieces)
    return run
  }

  private static let read = Benchmark("storage: read 16 blocks for a peer", operations: 500) {
    let stage = Stage()
    let pool = PieceBufferPool(limit: 4 << 20)
    let thread = DiskThread()
    func run(_ count: Int) {
      for number in 0..<count {
        let job = BlockRead(storage: stage.storage, pool: pool, loop: stage.loop) { _, _ in }
        job.reserve(16)
        for index in 0..<16 { job.append(piece: number % pieces, begin: index << 14, length: 16 << 10) }
        job.run(on: thread)
        precondition(job.failure == nil && job.byteCount == 16 * (16_384 + 13))
      }
    }
    run(pieces)
    return run
  }

  /// A torrent of zeros in a folder of its own. Its loop has ended: jobs that deliver themselves there are
  /// dropped, so that one thread does all that is measured.
  private final class Stage {
    let metainfo: Metainfo
    let storage: TorrentStorage
    let folder = TemporaryFolder()
    let loop = Loop(name: "unused")

    init() {
      let digest = SHA1.hash([UInt8](repeating: 0, count: pieceLength).rawBytes)
      var digests: [UInt8] = []
      for _ in 0..<pieces { digest.append(to: &digests) }
      let torrent: Bencode = [
        "info": [
          "length": .integer(Int64(pieces * pieceLength)), "name": "content",
          "piece length": .integer(Int64(pieceLength)), "pieces": .string(digests),
        ]
      ]
      do {
        metainfo = try Metainfo(torrent.encoded())
        storage = TorrentStorage(info: metainfo.info, directory: folder.path)
        try storage.prepare()
        let zeros = [UInt8](repeating: 0, count: pieceLength)
        for piece in 0..<pieces { try zeros.withUnsafeBytes { try storage.write(piece: piece, $0) } }
      } catch {
        preconditionFailure("\(error)")
      }
      loop.stop()
      loop.join()
    }
  }
}

/// A new folder, removed with everything in it at the end of its life.
final class TemporaryFolder: Sendable {
  let path: String

  init() {
    let root = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp"
    var template = Array("\(root)/apus-bench-XXXXXX".utf8CString)
    guard mkdtemp(&template) != nil else { preconditionFailure("cannot make a folder in \(root)") }
    path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }
}
