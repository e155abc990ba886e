// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.vision;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayDeque;
import java.util.Arrays;
import java.util.Deque;
import java.util.Optional;
import javax.imageio.metadata.IIOMetadata;
import javax.imageio.metadata.IIOMetadataNode;
import org.lvsa.toolkit.model.Resolution;
import org.w3c.dom.Node;

/**
 * How a stored picture is to be turned and mirrored to stand upright, as cameras note it in the
 * EXIF data of JPEG and PNG files (tag 274).
 *
 * @param number 1 to 8, as EXIF has it; 1 is upright
 */
record Orientation(int number) {
  private static final int TAG = 274;
  private static final Orientation UPRIGHT = new Orientation(1);
  private static final byte[] JPEG_HEADER = "Exif\0\0".getBytes(StandardCharsets.ISO_8859_1);

  /** JPEG's marker of application data, under which EXIF is stored. */
  private static final String APP1 = "225";

  /** What a file's metadata say; upright where they say nothing that is known. */
  static Orientation of(IIOMetadata metadata) {
    if (metadata == null || metadata.getNativeMetadataFormatName() == null) {
      return UPRIGHT;
    }
    Deque<Node> nodes = new ArrayDeque<>();
    nodes.add(metadata.getAsTree(metadata.getNativeMetadataFormatName()));
    while (!nodes.isEmpty()) {
      Node node = nodes.poll();
      Optional<Orientation> found = exif(node).flatMap(Orientation::of);
      if (found.isPresent()) {
        return found.get();
      }
      for (Node child = node.getFirstChild(); child != null; child = child.getNextSibling()) {
        nodes.add(child);
      }
    }
    return UPRIGHT;
  }

  /** The EXIF data of a node, without what a JPEG file puts in front. */
  private static Optional<byte[]> exif(Node node) {
    if (!(node instanceof IIOMetadataNode data)
        || !(data.getUserObject() instanceof byte[] bytes)) {
      return Optional.empty();
    }
    if (APP1.equals(data.getAttribute("MarkerTag"))
        && bytes.length > JPEG_HEADER.length
        && Arrays.equals(bytes, 0, JPEG_HEADER.length, JPEG_HEADER, 0, JPEG_HEADER.length)) {
      return Optional.of(Arrays.copyOfRange(bytes, JPEG_HEADER.length, bytes.length));
    }
    return "eXIf".equals(data.getAttribute("type")) ? Optional.of(bytes) : Optional.empty();
  }

  /** Looks the tag up in the first directory, which is laid out as in a TIFF file. */
  private static Optional<Orientation> of(byte[] exif) {
    if (exif.length < 8) {
      return Optional.empty();
    }
    ByteBuffer tiff = ByteBuffer.wrap(exif);
    tiff.order(exif[0] == 'I' ? ByteOrder.LITTLE_ENDIAN : ByteOrder.BIG_ENDIAN);
    int directory = tiff.getInt(4);
    if (directory < 8 || directory > exif.length - 2) {
      return Optional.empty();
    }
    int entries = Short.toUnsignedInt(tiff.getShort(directory));
    for (int i = 0; i < entries; i++) {
      int entry = directory + 2 + 12 * i;
      if (entry > exif.length - 12) {
        break;
      }
      if (tiff.getShort(entry) == TAG) {
        int number = tiff.getShort(entry + 8);
        return number >= 1 && number <= 8 ? Optional.of(new Orientation(number)) : Optional.empty();
      }
    }
    return Optional.empty();
  }

  /** The picture turned to stand upright. */
  Picture upright(Picture stored) {
    if (number == 1) {
      return stored;
    }
    int width = stored.size().width();
    int height = stored.size().height();
    boolean lies = number > 4;
    Resolution size = lies ? new Resolution(height, width) : stored.size();
    byte[] rgb = new byte[stored.rgb().length];
    for (int y = 0; y < size.height(); y++) {
      for (int x = 0; x < size.width(); x++) {
        int column = lies ? y : x;
        int row = lies ? x : y;
        if (number == 2 || number == 3 || number == 7 || number == 8) {
          column = width - 1 - column;
        }
        if (number == 3 || number == 4 || number == 6 || number == 7) {
          row = height - 1 - row;
        }
        System.arraycopy(
            stored.rgb(),
            Picture.COLOURS * (row * width + column),
            rgb,
            Picture.COLOURS * (y * size.width() + x),
            Picture.COLOURS);
      }
    }
    return new Picture(size, rgb);
  }
}
