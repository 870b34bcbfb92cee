import Link from "next/link";
import type { ReactNode } from "react";
import "./globals.css";
import { PageViews } from "./page-views";

export const metadata = { title: "Tests" };

export default function Layout({ children }: { children: ReactNode }) {
  return (
    <html lang="en">
      <body>
        <PageViews />
        <nav aria-label="Main">
          <Link href="/">Tests</Link>
          <Link href="/dashboard">Dashboard</Link>
          <Link href="/privacy">Privacy</Link>
        </nav>
        <main>{children}</main>
      </body>
    </html>
  );
}
