import Digest
import Metainfo
import TestSupport
import Testing

/// The map between pieces and files, checked against a walk over single bytes.
@Suite struct PieceMapTests {
  static let sizes = [
    [1], [16384], [16385], [5, 0, 0, 7], [0, 40000, 0, 100, 16384, 0], [16384, 16384, 1],
    [70000, 3, 3, 3, 20000], [0, 0, 9], [32768, 0, 32768],
  ]

  private func info(_ sizes: [Int], _ version: TorrentVersion) throws -> (Info, ContentFolder) {
    let files = sizes.enumerated().map { TestFile("f\($0.offset)", $0.element) }
    let folder = try ContentFolder(files: files)
    return (try folder.torrent(version, pieceLength: 16384).info, folder)
  }

  @Test(arguments: TorrentVersion.allCases, sizes)
  func `pieces cover every byte of content once`(version: TorrentVersion, sizes: [Int]) throws {
    let (info, _) = try info(sizes, version)
    #expect(info.contentLength == Int64(sizes.reduce(0, +)))
    #expect(info.pieceSpace == info.files.filter { $0.length > 0 }.last.map { $0.offset + $0.length })
    var seen = info.files.map { _ in Int64(0) }
    var total = 0
    for piece in 0..<info.pieceCount {
      let size = info.pieceSize(piece)
      #expect(size > 0 && size <= info.pieceLength)
      total += size
      var offset = 0
      for segment in info.segments(piece: piece, offset: 0, length: size) {
        #expect(segment.length > 0)
        #expect(segment.fileOffset == seen[segment.file])
        #expect(segment.isPadding == info.files[segment.file].isPadding)
        #expect(info.files[segment.file].pieces.contains(piece))
        seen[segment.file] += Int64(segment.length)
        offset += segment.length
      }
      #expect(offset == size)
    }
    #expect(seen == info.files.map { $0.length })
    if version == .v2 {
      #expect(total == sizes.reduce(0, +))
    } else {
      #expect(Int64(total) == info.pieceSpace)
    }
  }

  @Test(arguments: TorrentVersion.allCases, sizes)
  func `a part of a piece is the same runs cut`(version: TorrentVersion, sizes: [Int]) throws {
    let (info, folder) = try info(sizes, version)
    for piece in 0..<info.pieceCount {
      let size = info.pieceSize(piece)
      let whole = folder.piece(piece, of: info)
      for (offset, length) in [(0, 1), (size / 2, size - size / 2), (size - 1, 1), (size / 3, size / 3)]
      where length > 0 {
        var part: [UInt8] = []
        info.forEachSegment(piece: piece, offset: offset, length: length) { segment in
          let bytes =
            segment.isPadding
            ? [] : folder.files.first { $0.path == info.files[segment.file].path[1] }?.bytes ?? []
          for index in 0..<segment.length {
            part.append(segment.isPadding ? 0 : bytes[Int(segment.fileOffset) + index])
          }
        }
        #expect(part == Array(whole[offset..<offset + length]))
      }
    }
  }

  @Test(arguments: TorrentVersion.allCases, sizes)
  func `a piece names its first file with content`(version: TorrentVersion, sizes: [Int]) throws {
    let (info, _) = try info(sizes, version)
    for piece in 0..<info.pieceCount {
      let expected = info.files.firstIndex { $0.length > 0 && $0.pieces.contains(piece) }
      #expect(info.fileIndex(ofPiece: piece) == expected)
    }
  }

  @Test(arguments: TorrentVersion.allCases, sizes)
  func `padding at the end of a piece is counted`(version: TorrentVersion, sizes: [Int]) throws {
    let (info, _) = try info(sizes, version)
    for piece in 0..<info.pieceCount {
      var padding = 0
      for segment in info.segments(piece: piece, offset: 0, length: info.pieceSize(piece)) {
        padding = segment.isPadding ? padding + segment.length : 0
      }
      #expect(info.padding(inPiece: piece) == padding)
    }
  }

  @Test func `the space behind a file of v2 is padding`() throws {
    let (info, _) = try info([100, 20000], .v2)
    #expect(info.pieceSize(0) == 100)
    #expect(
      info.segments(piece: 0, offset: 0, length: 16384) == [
        Segment(file: 0, fileOffset: 0, length: 100, isPadding: false),
        Segment(file: 0, fileOffset: 100, length: 16284, isPadding: true),
      ])
    #expect(info.pieceSize(2) == 20000 - 16384)
    #expect(
      info.segments(piece: 2, offset: 3600, length: 100) == [
        Segment(file: 1, fileOffset: 19984, length: 16, isPadding: false),
        Segment(file: 1, fileOffset: 20000, length: 84, isPadding: true),
      ])
  }

  @Test func `a hybrid has padding before content only`() throws {
    let (info, _) = try info([5, 0, 7, 0], .hybrid)
    #expect(info.files.map { $0.isPadding } == [false, false, true, false, false])
    #expect(info.files[2].path == ["content", ".pad", "16379"])
    #expect(info.pieceSize(1) == 7)
    #expect(info.padding(inPiece: 0) == 16379)
    #expect(info.padding(inPiece: 1) == 0)
  }

  @Test func `finding runs takes no longer in a torrent of many files`() throws {
    let files = (0..<2000).map { TestFile("d/f\($0)", 17) }
    let info = try ContentFolder(files: files).torrent(.v1, pieceLength: 16384).info
    let last = info.pieceCount - 1
    let segment = try #require(info.segments(piece: last, offset: 0, length: 1).first)
    #expect(info.files[segment.file].offset + segment.fileOffset == Int64(last) * 16384)
  }
}
