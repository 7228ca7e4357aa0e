// BencodeTests
