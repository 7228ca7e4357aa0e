import Bencode
import Digest

/// What to read and hash: the source files laid out in piece space, with pads where v1 needs them.
struct CreationPlan: Sendable {
  let version: TorrentVersion
  let pieceLength: Int
  let name: [UInt8]
  let isFolder: Bool
  let sources: [SourceFile]
  /// Every file of the layout; the source's index, or `nil` for padding.
  let source: [Int?]
  let raw: [RawFile]
  let layout: FileLayout
  let extents: [Extent]

  var pieceCount: Int { layout.pieceCount }

  init(
    _ folder: SourceFolder, version: TorrentVersion, pieceLength: Int
  ) throws(CreationError) {
    self.version = version
    self.pieceLength = pieceLength
    name = folder.name
    isFolder = folder.isFolder
    sources = folder.files
    var raw: [RawFile] = []
    var source: [Int?] = []
    var position: Int64 = 0
    for (index, file) in folder.files.enumerated() {
      let over = position % Int64(pieceLength)
      // Padding goes in front of content only, so that none follows the last.
      if version == .hybrid, file.length > 0, over > 0 {
        let size = Int64(pieceLength) - over
        var pad = RawFile(path: [[UInt8](".pad".utf8), [UInt8]("\(size)".utf8)], length: size)
        pad.attributes.isPadding = true
        raw.append(pad)
        source.append(nil)
        position += size
      }
      var entry = RawFile(path: file.path, length: file.length)
      entry.attributes.isExecutable = file.isExecutable
      entry.attributes.linkTarget = file.linkTarget
      raw.append(entry)
      source.append(index)
      position += file.length
    }
    self.raw = raw
    self.source = source
    do {
      layout = try FileLayout(
        raw, name: SafeName.first(folder.name), version: version, pieceLength: pieceLength,
        limits: .standard)
    } catch {
      throw .invalid(error)
    }
    extents = layout.files.map { Extent(offset: $0.offset, length: $0.length, isPadding: $0.isPadding) }
  }

  func start(ofPiece piece: Int) -> Int64 { Int64(piece) * Int64(pieceLength) }

  func size(ofPiece piece: Int) -> Int {
    extents.pieceSize(at: start(ofPiece: piece), pieceLength: pieceLength, version: version)
  }

  /// Bytes of the only file in a piece of v2 or a hybrid, and how many leaves its tree is wide.
  func content(ofPiece piece: Int) -> (length: Int, width: Int) {
    let start = start(ofPiece: piece)
    let index = extents.fileIndex(at: start)
    let length = Int(min(Int64(pieceLength), extents[index].offset + extents[index].length - start))
    let isWhole = layout.files[index].pieces.count > 1
    let leaves = isWhole ? pieceLength / MerkleTree.leafSize : MerkleTree.leafCount(Int64(length))
    return (length, MerkleTree.width(leaves))
  }
}
