import FuzzDriver
import Metainfo

/// A link that is taken is the same after it was printed and read again.
@main
enum FuzzMagnet {
  static func main() {
    let code = fuzz { start, count in
      FuzzMagnet.examine(bytes(start, count))
      return 0
    }
    precondition(code == 0)
  }

  static func examine(_ input: [UInt8]) {
    do {
      let magnet = try Magnet(String(decoding: input, as: UTF8.self))
      precondition(magnet.infoHash != nil)
      let printed = magnet.description
      precondition(printed.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7f })
      guard printed.utf8.count <= Magnet.maximumBytes else { return }
      guard let again = try? Magnet(printed), again == magnet else {
        preconditionFailure("a link does not survive being printed")
      }
      for pair in zip(magnet.selection, magnet.selection.dropFirst()) {
        precondition(pair.0.upperBound + 1 < pair.1.lowerBound)
      }
    } catch {
      precondition(!"\(error)".isEmpty)
    }
  }
}
