import Bencode
import Metainfo

/// Reading and writing torrent files: 10,000 files, 10,000 pieces.
enum Formats {
  static let all = [decode, encode, parse]

  private static let decode = Benchmark("bencode: decode 10,000 files", operations: 10) {
    let bytes = torrent.encoded()
    return { count in
      for _ in 0..<count {
        guard let document = try? BencodeDocument(bytes) else { preconditionFailure("not bencode") }
        use(document.bytes.count)
      }
    }
  }

  private static let encode = Benchmark("bencode: encode 10,000 files", operations: 10) {
    let value = torrent
    return { count in
      for _ in 0..<count { use(value.encoded().count) }
    }
  }

  private static let parse = Benchmark("metainfo: parse 10,000 files", operations: 5) {
    let bytes = torrent.encoded()
    return { count in
      for _ in 0..<count {
        guard let metainfo = try? Metainfo(bytes) else { preconditionFailure("not a torrent") }
        use(metainfo.info.files.count)
      }
    }
  }

  private static var torrent: Bencode {
    let files = (0..<10_000).map { number -> Bencode in
      [
        "length": .integer(1 << 20),
        "path": [.text("folder \(number / 100)"), .text("part \(number % 10)"), .text("file \(number).bin")],
      ]
    }
    return [
      "announce": "http://tracker.example/announce",
      "info": [
        "files": .list(files), "name": "content", "piece length": .integer(1 << 20),
        "pieces": .string([UInt8](repeating: 9, count: 10_000 * 20)),
      ],
    ]
  }
}
