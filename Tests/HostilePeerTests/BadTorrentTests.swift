import Bencode
import Bytes
import Foundation
import TestSupport
import Testing

/// Torrent files that cannot be used: one clear line, exit code 1, nothing written.
@Suite(.throttled)
struct BadTorrentTests {
  enum Fault: String, CaseIterable, CustomTestStringConvertible {
    case empty
    case noBencode
    case truncated
    case trailingBytes
    case deep
    case manyItems
    case notADictionary
    case noInfo
    case infoIsAList
    case noName
    case nameIsANumber
    case noPieceLength
    case pieceLengthOfNothing
    case negativePieceLength
    case hugePieceLength
    case noPieces
    case oddPieces
    case tooFewPieces
    case tooManyPieces
    case noLength
    case negativeLength
    case overflowingLength
    case overflowingSum
    case numberTooLong
    case leadingZero
    case negativeZero
    case duplicateKey
    case emptyPath
    case filesIsANumber
    case pathIsANumber
    case unknownVersion
    case noFileTree
    case fileTreeIsAString
    case shortRoot
    case noRoot
    case wrongLayers
    case shortLayers
    case oddPieceLengthOfV2
    case differingHybrid
    case deepFileTree

    var testDescription: String { rawValue }

    var bytes: [UInt8] {
      let good = TestTorrent(size: 300_000).metainfo
      let second = TestTorrent(size: 300_000, format: .v2)
      switch self {
      case .empty: return []
      case .noBencode: return Array("<html><body>404</body></html>".utf8)
      case .truncated: return Array(good.encoded().dropLast(20))
      case .trailingBytes: return good.encoded() + Array("i1e".utf8)
      case .deep: return [UInt8](repeating: UInt8(ascii: "l"), count: 100_000)
      case .manyItems:
        return Array("d4:infod5:filesl".utf8) + (0..<3_000_000).flatMap { _ in Array("le".utf8) }
          + Array("eee".utf8)
      case .notADictionary: return Array("l4:spame".utf8)
      case .noInfo: return Array("d8:announce10:http://x/ye".utf8)
      case .infoIsAList: return spoilt(good, "info", ["a", "b"])
      case .noName: return info(good, "name", nil)
      case .nameIsANumber: return info(good, "name", 7)
      case .noPieceLength: return info(good, "piece length", nil)
      case .pieceLengthOfNothing: return info(good, "piece length", 0)
      case .negativePieceLength: return info(good, "piece length", -65536)
      case .hugePieceLength: return info(good, "piece length", .integer(1 << 50))
      case .noPieces: return info(good, "pieces", nil)
      case .oddPieces: return info(good, "pieces", .string([UInt8](repeating: 1, count: 99)))
      case .tooFewPieces: return info(good, "pieces", .string([UInt8](repeating: 1, count: 80)))
      case .tooManyPieces: return info(good, "pieces", .string([UInt8](repeating: 1, count: 120)))
      case .noLength: return info(good, "length", nil)
      case .negativeLength: return info(good, "length", -1)
      case .overflowingLength: return info(good, "length", .integer(.max))
      case .overflowingSum:
        return files(
          good, [["length": .integer(.max), "path": ["a"]], ["length": .integer(.max), "path": ["b"]]])
      case .numberTooLong: return info(good, "length", .raw(Array("i99999999999999999999999e".utf8)))
      case .leadingZero: return info(good, "length", .raw(Array("i0300000e".utf8)))
      case .negativeZero: return info(good, "private", .raw(Array("i-0e".utf8)))
      case .duplicateKey: return spoilt(good, "zz", .raw(Array("0:2:zz0:".utf8)))
      case .emptyPath: return files(good, [["length": 300_000, "path": []]])
      case .filesIsANumber: return files(good, 5)
      case .pathIsANumber: return files(good, [["length": 300_000, "path": 5]])
      case .unknownVersion: return info(second.metainfo, "meta version", 3)
      case .noFileTree: return info(second.metainfo, "file tree", nil)
      case .fileTreeIsAString: return info(second.metainfo, "file tree", "tree")
      case .shortRoot:
        return tree(second.metainfo, ["a": ["": ["length": 300_000, "pieces root": .string([1, 2, 3])]]])
      case .noRoot: return tree(second.metainfo, ["a": ["": ["length": 300_000]]])
      case .wrongLayers:
        var layers: [[UInt8]: Bencode] = [:]
        if case .dictionary(let entries)? = second.metainfo["piece layers"] {
          for (root, value) in entries {
            guard case .string(var hashes) = value else { continue }
            hashes[40] ^= 1
            layers[root] = .string(hashes)
          }
        }
        return spoilt(second.metainfo, "piece layers", .dictionary(layers))
      case .shortLayers:
        return spoilt(second.metainfo, "piece layers", layers(of: second.metainfo) { Array($0.dropLast(32)) })
      case .oddPieceLengthOfV2: return info(second.metainfo, "piece length", 65537)
      case .differingHybrid:
        var both = second.metainfo["info"] ?? [:]
        both["length"] = 299_999
        both["pieces"] = good["info"]?["pieces"]
        return spoilt(second.metainfo, "info", both)
      case .deepFileTree:
        var node: Bencode = ["": ["length": 0]]
        for _ in 0..<5000 { node = ["a": node] }
        return tree(second.metainfo, node)
      }
    }

    private func layers(of meta: Bencode, _ change: ([UInt8]) -> [UInt8]) -> Bencode {
      guard case .dictionary(let entries)? = meta["piece layers"] else { return [:] }
      return .dictionary(
        entries.mapValues { value in
          guard case .string(let hashes) = value else { return value }
          return .string(change(hashes))
        })
    }

    private func spoilt(_ meta: Bencode, _ key: String, _ value: Bencode?) -> [UInt8] {
      var meta = meta
      meta[key] = value
      return meta.encoded()
    }

    private func info(_ meta: Bencode, _ key: String, _ value: Bencode?) -> [UInt8] {
      var info = meta["info"] ?? [:]
      info[key] = value
      return spoilt(meta, "info", info)
    }

    private func files(_ meta: Bencode, _ list: Bencode) -> [UInt8] {
      var info = meta["info"] ?? [:]
      info["length"] = nil
      info["files"] = list
      return spoilt(meta, "info", info)
    }

    private func tree(_ meta: Bencode, _ tree: Bencode) -> [UInt8] { info(meta, "file tree", tree) }
  }

  @Test(.timeLimit(.minutes(1)), arguments: Fault.allCases)
  func isRefusedInOneLine(_ fault: Fault) async throws {
    try await withStage { stage in
      let path = try stage.folder.write(fault.bytes, to: "bad.torrent")
      let target = try stage.folder.folder("target")
      let leecher = TestNetwork.address()
      for command in [
        ["show", path], ["magnet", path], ["verify", path, "--dir", target],
        ["download", path, "--dir", target, "--listen", "\(leecher)"],
      ] {
        let process = try await ApusClient.run(command, on: stage, within: .seconds(20))
        #expect(process.status == .exited(1), "\(command[0])\(process.tail)")
        #expect(process.output == "", "\(command[0])")
        let lines = process.errors.split(separator: "\n", omittingEmptySubsequences: false)
        #expect(
          lines.count == 2 && lines[0].count > 20 && lines[1].isEmpty, "\(command[0]): \(process.errors)")
      }
      #expect(try FileManager.default.contentsOfDirectory(atPath: target) == [])
    }
  }

  /// Names that lead elsewhere are made safe, and what is downloaded stays inside of the folder.
  @Test(
    .timeLimit(.minutes(1)),
    arguments: [
      [["..", "..", "outside"]], [["/etc/outside"]], [["a/../../../outside"]], [["."], ["", "outside"]],
      [["a\0b"], ["con"], ["\u{202e}gpj.exe"]], [["same"], ["same"], ["SAME"]],
      [[String(repeating: "x", count: 5000)]], [["a"], ["a", "b"]],
    ])
  func unsafeNamesStayInsideOfTheFolder(_ paths: [[String]]) async throws {
    try await withStage { stage in
      let size = 20000 * paths.count
      var torrent = TestTorrent(size: size, pieceLength: 16384)
      var info = torrent.metainfo["info"] ?? [:]
      info["length"] = nil
      info["name"] = "../../above"
      info["files"] = .list(
        paths.map { ["length": 20000, "path": .list($0.map { .text($0) })] })
      torrent = torrent.renamed(info)
      let honest = try HonestSeeder(torrent, on: stage)
      let path = try torrent.write(to: stage.folder["bad.torrent"])
      let target = try stage.folder.folder("one/two/three/target")
      let before = try Set(FileManager.default.subpathsOfDirectory(atPath: stage.folder.path))
      let leecher = ApusClient(on: stage, peers: [honest.address])
      try leecher.download(path, into: target)
      try await eventually("the download is done") { try leecher.isComplete() }
      let after = try Set(FileManager.default.subpathsOfDirectory(atPath: stage.folder.path))
      let outside = after.subtracting(before).filter {
        !$0.hasPrefix("one/two/three/target/") && !$0.hasPrefix("log-")
      }
      #expect(outside == [])
      // All of the content is there, under whatever names.
      let sizes = after.filter { $0.hasPrefix("one/two/three/target/") && !$0.contains(".apus") }.compactMap {
        name in
        try? FileManager.default.attributesOfItem(atPath: stage.folder[name])[.type] as? FileAttributeType
          == .typeRegular
          ? FileManager.default.attributesOfItem(atPath: stage.folder[name])[.size] as? Int : nil
      }
      #expect(sizes.reduce(0, +) == size)
    }
  }
}
