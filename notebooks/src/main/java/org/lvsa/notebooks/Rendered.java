// SPDX-License-Identifier: Apache-2.0
package org.lvsa.notebooks;

import java.awt.image.BufferedImage;
import java.util.Base64;
import java.util.Optional;
import org.dflib.jjava.jupyter.kernel.display.DisplayData;
import org.lvsa.toolkit.io.Png;
import tech.tablesaw.api.Table;
import tech.tablesaw.columns.Column;

/** What an object looks like below a cell: pictures, tables and HTML as such, others as text. */
final class Rendered {
  private static final int MOST_ROWS = 50;

  private Rendered() {}

  static DisplayData of(Object value) {
    return switch (value) {
      case DisplayData data -> data;
      case Optional<?> optional when optional.isPresent() -> of(optional.get());
      case BufferedImage image -> image(image);
      case Table table -> table(table);
      case CharSequence text when text.toString().stripLeading().startsWith("<") -> html(text);
      default -> new DisplayData(String.valueOf(value));
    };
  }

  private static DisplayData html(CharSequence text) {
    DisplayData data = new DisplayData(text.toString());
    data.putHTML(text.toString());
    return data;
  }

  private static DisplayData image(BufferedImage image) {
    DisplayData data =
        new DisplayData("a picture of " + image.getWidth() + "x" + image.getHeight());
    data.putData("image/png", Base64.getEncoder().encodeToString(Png.bytes(image)));
    return data;
  }

  private static DisplayData table(Table table) {
    StringBuilder html = new StringBuilder("<table><thead><tr>");
    table.columnNames().forEach(name -> html.append("<th>").append(escape(name)).append("</th>"));
    html.append("</tr></thead><tbody>");
    for (int row = 0; row < Math.min(table.rowCount(), MOST_ROWS); row++) {
      html.append("<tr>");
      for (Column<?> column : table.columns()) {
        html.append("<td>").append(escape(column.getString(row))).append("</td>");
      }
      html.append("</tr>");
    }
    html.append("</tbody></table>");
    if (table.rowCount() > MOST_ROWS) {
      html.append(table.rowCount() - MOST_ROWS).append(" more rows");
    }
    DisplayData data = new DisplayData(table.printAll());
    data.putHTML(html.toString());
    return data;
  }

  private static String escape(String text) {
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;");
  }
}
